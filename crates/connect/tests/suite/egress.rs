//! The egress guard against known ways around such guards.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use ferrovia_connect::egress::{EgressPolicy, Lookup, Rule};
use ferrovia_connect::{ConnectConfig, Connectors};
use ferrovia_runtime::port::{Fault, FaultKind};

use crate::server::{serve, workbench};
use crate::support::{call, connectors, detail, execute, json};

async fn get(connectors: &Connectors, uri: &str) -> Result<(), Fault> {
    let arguments =
        format!(r#"{{"method": "get", "endpoint": {{"uri": "{uri}"}}, "redirect": true}}"#);
    execute(connectors, call("http", json(&arguments)))
        .await
        .map(|_| ())
}

fn rules(texts: &[&str]) -> Vec<Rule> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Everything here leads to the machine's own network or to cloud metadata, or is written to look as if it did not.
const ATTACKS: &[&str] = &[
    // Cloud metadata.
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.169.254:80/",
    "http://169.254.170.2/v2/credentials",
    "http://169.254.170.23/v1/credentials",
    "http://100.100.100.200/latest/meta-data/",
    "http://168.63.129.16/machine",
    "http://192.0.0.192/opc/v1/instance/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[fd20:ce::254]/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://METADATA.google.internal./computeMetadata/v1/",
    "http://metadata/",
    "http://metadata.goog/",
    "http://instance-data/latest/",
    // The same address in other notations.
    "http://2852039166/",
    "http://0xA9FEA9FE/",
    "http://0xa9.0xfe.0xa9.0xfe/",
    "http://0251.0376.0251.0376/",
    "http://0251.254.169.254/",
    "http://169.254.43518/",
    "http://169.16689662/",
    "http://169.254.169.254./",
    "http://169%2e254%2e169%2e254/",
    "http://①⑥⑨.②⑤④.①⑥⑨.②⑤④/",
    "http://169。254。169。254/",
    "http://user@169.254.169.254/",
    "http://example.com@169.254.169.254/",
    "http://example.com:80@169.254.169.254:80/",
    "http://169.254.169.254#@example.com/",
    "http://169.254.169.254\\\\@example.com/",
    // IPv6 forms that carry IPv4.
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[0:0:0:0:0:ffff:a9fe:a9fe]/",
    "http://[::169.254.169.254]/",
    "http://[::a9fe:a9fe]/",
    "http://[::ffff:0:169.254.169.254]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::1]/",
    "http://[2002:0a00:0001::]/",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "http://[fe80::5efe:a9fe:a9fe]/",
    "http://[2600::5efe:10.0.0.1]/",
    // IPv6 forms whose harmless inner address hides where they lead.
    "http://[fd00::5efe:93.184.215.14]/",
    "http://[fd12:3456:789a:1:200:5efe:93.184.215.14]/",
    "http://[fe80::5efe:93.184.215.14]/",
    "http://[ff02::5efe:93.184.215.14]/",
    "http://[2001:db8::5efe:93.184.215.14]/",
    "http://[64:ff9b::127.0.0.1]/",
    "http://[2002:7f00:1::1]/",
    "http://[2001:470::5efe:127.0.0.1]/",
    // Private networks.
    "http://10.0.0.1/",
    "http://10.255.255.255/",
    "http://172.16.0.1/",
    "http://172.31.255.254/",
    "http://192.168.0.1/",
    "http://192.168.1.254:8080/",
    "http://167772161/",
    "http://0x0a000001/",
    "http://012.0.0.1/",
    "http://[::ffff:10.0.0.1]/",
    "http://100.64.0.1/",
    "http://100.127.255.255/",
    "http://[fc00::1]/",
    "http://[fd12:3456:789a::1]/",
    "http://[fec0::1]/",
    // Link-local, unspecified, and what is no unicast address.
    "http://169.254.0.1/",
    "http://[fe80::1]/",
    "http://0.0.0.0/",
    "http://0/",
    "http://0.1.2.3/",
    "http://[::]/",
    "http://[::ffff:0.0.0.0]/",
    "http://255.255.255.255/",
    "http://224.0.0.1/",
    "http://239.255.255.250:1900/",
    "http://[ff02::1]/",
    "http://240.0.0.1/",
    // Documentation, benchmarking, protocol assignments.
    "http://192.0.2.1/",
    "http://198.51.100.1/",
    "http://203.0.113.1/",
    "http://198.18.0.1/",
    "http://192.88.99.1/",
    "http://[2001:db8::1]/",
    "http://[100::1]/",
    // Ports of other protocols.
    "http://127.0.0.1:22/",
    "http://127.0.0.1:25/",
    "http://localhost:389/",
];

#[tokio::test]
async fn known_attacks_are_refused_before_a_connection_is_made() {
    let connectors = connectors(&ConnectConfig::default());
    for uri in ATTACKS {
        let fault = get(&connectors, uri).await.unwrap_err();
        assert_eq!(
            (fault.kind, fault.status),
            (FaultKind::Authorization, Some(403)),
            "{uri}: {fault:?}"
        );
        assert!(
            detail(&fault).contains("is not permitted: "),
            "{uri}: {fault:?}"
        );
    }
    assert!(ATTACKS.len() >= 60);
}

#[tokio::test]
async fn a_server_for_others_may_not_call_its_own_machine() {
    let server = serve(workbench()).await;
    let connectors = connectors(&ConnectConfig {
        egress: EgressPolicy::for_server(),
        ..ConnectConfig::default()
    });
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "localhost",
        "LOCALHOST",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "127.255.0.9",
    ] {
        let fault = get(
            &connectors,
            &format!("http://{host}:{}/echo", server.port()),
        )
        .await
        .unwrap_err();
        assert_eq!(fault.kind, FaultKind::Authorization, "{host}: {fault:?}");
    }
}

#[tokio::test]
async fn redirects_lead_no_further_than_the_policy() {
    let (server, connectors) = (
        serve(workbench()).await,
        connectors(&ConnectConfig::default()),
    );
    for to in [
        "http://169.254.169.254/latest/",
        "//10.0.0.1/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://metadata.google.internal/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "gopher://127.0.0.1/",
        "data:text/plain,x",
        "javascript:1",
        "http://example.com@10.0.0.1/",
        "http://[fd00::5efe:93.184.215.14]/",
    ] {
        let fault = get(
            &connectors,
            &format!("http://{server}/redirect/302?to={to}"),
        )
        .await
        .unwrap_err();
        assert_eq!(fault.kind, FaultKind::Authorization, "{to}: {fault:?}");
    }
}

/// A name service that gives the next answer to each question.
struct Scripted {
    answers: Vec<Vec<IpAddr>>,
    asked: AtomicUsize,
}

#[async_trait]
impl Lookup for Scripted {
    async fn lookup(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        let at = self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.answers[at.min(self.answers.len() - 1)].clone())
    }
}

fn scripted(answers: &[&[&str]]) -> Arc<Scripted> {
    let answers = answers
        .iter()
        .map(|answer| {
            answer
                .iter()
                .map(|address| address.parse().unwrap())
                .collect()
        })
        .collect();
    Arc::new(Scripted {
        answers,
        asked: AtomicUsize::new(0),
    })
}

#[tokio::test]
async fn a_name_is_judged_by_the_address_that_is_connected() {
    let server = serve(workbench()).await;
    for (answers, outcomes) in [
        // Rebinding: harmless first, then private.
        (
            &[&["127.0.0.1"][..], &["10.0.0.1"], &["169.254.169.254"]][..],
            &[true, false, false][..],
        ),
        // A private address among permitted ones is not used.
        (&[&["10.0.0.1", "127.0.0.1"]], &[true]),
        (&[&["::ffff:10.0.0.1", "fd00:ec2::254"]], &[false]),
    ] {
        let lookup = scripted(answers);
        for (at, permitted) in outcomes.iter().enumerate() {
            // A new client each time: a connection that is open already asks nobody.
            let connectors = connectors(&ConnectConfig {
                lookup: lookup.clone(),
                ..ConnectConfig::default()
            });
            let answer = get(
                &connectors,
                &format!("http://rebind.example:{}/echo", server.port()),
            )
            .await;
            match permitted {
                true => assert!(answer.is_ok(), "{answers:?} at {at}: {answer:?}"),
                false => assert_eq!(
                    answer.unwrap_err().kind,
                    FaultKind::Authorization,
                    "{answers:?} at {at}"
                ),
            }
        }
        assert_eq!(lookup.asked.load(Ordering::SeqCst), outcomes.len());
    }
}

#[tokio::test]
async fn rules_decide_over_ranges() {
    let server = serve(workbench()).await;
    let port = server.port();
    let deny_port = format!(":{port}");
    for (policy, host, permitted) in [
        (
            EgressPolicy::for_server().allow(rules(&["127.0.0.1"])),
            "127.0.0.1",
            true,
        ),
        (
            EgressPolicy::for_server().allow(rules(&["127.0.0.0/8"])),
            "inside.example",
            true,
        ),
        (
            EgressPolicy::for_server().allow(rules(&["inside.example"])),
            "inside.example",
            true,
        ),
        (
            EgressPolicy::for_server().allow(rules(&["INSIDE.example."])),
            "inside.example",
            true,
        ),
        (
            EgressPolicy::for_server().allow(rules(&["*.example"])),
            "inside.example",
            true,
        ),
        (
            EgressPolicy::for_server().allow(rules(&["*.inside.example"])),
            "inside.example",
            false,
        ),
        (
            EgressPolicy::for_server().allow(rules(&["side.example"])),
            "inside.example",
            false,
        ),
        (
            EgressPolicy::for_local_run().deny(rules(&["inside.example"])),
            "inside.example",
            false,
        ),
        (
            EgressPolicy::for_local_run().deny(rules(&["*.example"])),
            "inside.example.",
            false,
        ),
        (
            EgressPolicy::for_local_run().deny(rules(&["127.0.0.0/8"])),
            "inside.example",
            false,
        ),
        (
            EgressPolicy::for_local_run().deny(rules(&["127.0.0.1"])),
            "[::ffff:127.0.0.1]",
            false,
        ),
        (
            EgressPolicy::for_local_run().deny(rules(&[&deny_port])),
            "127.0.0.1",
            false,
        ),
        (
            EgressPolicy::for_local_run()
                .deny(rules(&["127.0.0.1"]))
                .allow(rules(&["127.0.0.1"])),
            "127.0.0.1",
            false,
        ),
        (
            EgressPolicy::only_listed().allow(rules(&["93.0.0.0/8"])),
            "[fd00::5efe:93.184.215.14]",
            false,
        ),
        (
            EgressPolicy::for_local_run()
                .allow(rules(&["fd00::/8"]))
                .deny(rules(&["93.0.0.0/8"])),
            "[fd00::5efe:93.184.215.14]",
            false,
        ),
        (EgressPolicy::only_listed(), "127.0.0.1", false),
        (EgressPolicy::only_listed(), "inside.example", false),
        (
            EgressPolicy::only_listed().allow(rules(&["inside.example"])),
            "inside.example",
            true,
        ),
        (
            EgressPolicy::only_listed().allow(rules(&["other.example"])),
            "inside.example",
            false,
        ),
    ] {
        let config = ConnectConfig {
            egress: policy.clone(),
            lookup: scripted(&[&["127.0.0.1"]]),
            ..ConnectConfig::default()
        };
        let answer = get(&connectors(&config), &format!("http://{host}:{port}/echo")).await;
        match permitted {
            true => assert!(answer.is_ok(), "{policy:?} {host}: {answer:?}"),
            false => assert_eq!(
                answer.unwrap_err().kind,
                FaultKind::Authorization,
                "{policy:?} {host}"
            ),
        }
    }
}

#[tokio::test]
async fn an_allowed_name_does_not_open_the_metadata_service() {
    for address in [
        "169.254.169.254",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "169.254.1.1",
    ] {
        let egress = EgressPolicy::for_server().allow(rules(&["trusted.example"]));
        let config = ConnectConfig {
            egress,
            lookup: scripted(&[&[address]]),
            ..ConnectConfig::default()
        };
        let fault = get(&connectors(&config), "http://trusted.example/")
            .await
            .unwrap_err();
        assert_eq!(fault.kind, FaultKind::Authorization, "{address}");
    }
}

#[test]
fn rules_that_mean_nothing_are_refused() {
    for text in [
        "",
        "a b",
        "http://x/",
        "10.0.0.0/99",
        ":x",
        ":70000",
        "*.",
        "host:80",
    ] {
        assert!(text.parse::<Rule>().is_err(), "{text}");
    }
}
