//! Setting up, signing in and out.

use ferrovia_expr::value;
use ferrovia_server::access::Role;
use ferrovia_server::access::attempts::{ATTEMPTS_PER_USER_AND_ADDRESS_MAX, ATTEMPTS_WINDOW_MS};

use crate::bed::{Bed, send};
use crate::people::{PASSWORD, Proof, grant};

fn administrator() -> ferrovia_expr::Value {
    value!({ "name": "Ada", "password": PASSWORD })
}

async fn token(bed: &Bed) -> Proof {
    let token = bed.people.set_up_token().await;
    let token = token.expect("the store works");
    Proof::Key(token.expect("there is no administrator").to_string())
}

#[tokio::test]
async fn the_first_administrator_is_made_once_and_ends_the_open_time() {
    let bed = Bed::new().await;
    let nobody = Proof::Nothing;
    let me = bed.ask(&nobody, "GET", "me", None).await;
    assert_eq!(me.is(200).at("/kind"), value!("open"));
    bed.ask(&nobody, "GET", "runs", None).await.is(200);
    // Whoever comes first may not decide who may come.
    bed.ask(&nobody, "GET", "users", None)
        .await
        .problem(403, "forbidden", None);
    bed.ask(&nobody, "POST", "users", Some(administrator()))
        .await
        .is(403);
    bed.ask(&nobody, "POST", "setup", Some(administrator()))
        .await
        .is(403);

    let earlier = token(&bed).await;
    let token = token(&bed).await;
    bed.ask(&earlier, "POST", "setup", Some(administrator()))
        .await
        .is(401);
    bed.ask(&token, "GET", "runs", None).await.is(403);
    let short = value!({ "name": "ada", "password": "short" });
    bed.ask(&token, "POST", "setup", Some(short))
        .await
        .problem(422, "invalid", Some("/password"));
    let made = bed
        .ask(&token, "POST", "setup", Some(administrator()))
        .await;
    assert_eq!(made.is(201).at("/name"), value!("ada"));
    assert!(!made.text.contains("argon2"), "{made:?}");

    for used in [&token, &earlier] {
        let again = value!({ "name": "eve", "password": PASSWORD });
        bed.ask(used, "POST", "setup", Some(again)).await.is(401);
    }
    assert!(bed.people.has_administrator());
    assert!(
        bed.people
            .set_up_token()
            .await
            .expect("the store works")
            .is_none()
    );
    bed.ask(&nobody, "GET", "runs", None)
        .await
        .problem(401, "unauthenticated", None);
    bed.get("/health").await.is(200);
    let session = bed.session("ADA").await;
    bed.ask(&session, "GET", "users", None).await.is(200);
    // It stays closed, whoever opens the store next.
    let after = Bed::on(bed.journal.clone()).await;
    after.get("/api/v1/runs").await.is(401);
    after.ask(&session, "GET", "users", None).await.is(200);
}

#[tokio::test]
async fn of_many_who_have_the_token_one_becomes_administrator() {
    let bed = Bed::new().await;
    let token = token(&bed).await;
    let tries = (0..4).map(|number| {
        let order = value!({ "name": format!("ada{number}"), "password": PASSWORD });
        bed.ask(&token, "POST", "setup", Some(order))
    });
    let answers = futures_util::future::join_all(tries).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 1, "{answers:?}");
    let users = bed.ask(&bed.operator(), "GET", "users", None).await;
    assert_eq!(
        users.at("/users").as_array().map(|users| users.len()),
        Some(1)
    );
}

#[tokio::test]
async fn an_administrator_who_came_otherwise_ends_the_token() {
    let bed = Bed::new().await;
    let token = token(&bed).await;
    bed.add_user("bob", &[grant(Role::Administrator, "test")])
        .await;
    bed.get("/api/v1/runs").await.is(200);
    bed.add_user("root", &[grant(Role::Administrator, "*")])
        .await;
    bed.get("/api/v1/runs").await.is(401);
    bed.ask(&token, "POST", "setup", Some(administrator()))
        .await
        .is(401);
}

#[tokio::test]
async fn who_is_not_known_is_told_the_same_as_who_mistypes() {
    let bed = Bed::closed().await;
    let wrong = bed.sign_in("root", "not the password").await;
    for (name, password) in [("nobody-there", PASSWORD), ("../etc", PASSWORD), ("", "")] {
        let answer = bed.sign_in(name, password).await;
        assert_eq!(
            (answer.status, &answer.text),
            (wrong.status, &wrong.text),
            "{name}"
        );
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    wrong.problem(401, "unauthenticated", None);
}

#[tokio::test]
async fn guessing_ends_after_some_attempts_and_others_are_let_in() {
    let bed = Bed::closed().await;
    bed.add_user("bob", &[]).await;
    let known = bed.session("root").await;
    for _ in 0..ATTEMPTS_PER_USER_AND_ADDRESS_MAX {
        bed.sign_in("root", "not the password").await.is(401);
    }
    for password in ["not the password", PASSWORD] {
        let refused = bed.sign_in("Root", password).await;
        refused.problem(429, "too-many-attempts", None);
        let seconds = refused.headers["retry-after"]
            .to_str()
            .map(str::parse::<i64>);
        let seconds = seconds.expect("it is text").expect("it is a number");
        assert!(
            (1..=ATTEMPTS_WINDOW_MS / 1_000).contains(&seconds),
            "{seconds}"
        );
    }
    bed.sign_in("bob", PASSWORD).await.is(200);
    // Who is signed in stays so, but cannot guess on.
    bed.ask(&known, "GET", "me", None).await.is(200);
    let order = value!({ "current": "not the password", "password": PASSWORD });
    bed.ask(&known, "PUT", "me/password", Some(order))
        .await
        .is(429);
}

#[tokio::test]
async fn a_session_changes_something_only_from_a_page_of_this_server() {
    let bed = Bed::closed().await;
    let Proof::Session(cookie) = bed.session("root").await else {
        panic!("a session is a cookie");
    };
    let order = value!({ "workflow": "test/listen" }).to_json();
    let own = bed.url.clone();
    let neighbour = "http://127.0.0.1:1".to_owned();
    for (header, expected) in [
        (None, 403),
        (Some(("origin", own.clone())), 201),
        (Some(("origin", neighbour)), 403),
        (Some(("origin", "http://localhost".into())), 403),
        (Some(("origin", "null".into())), 403),
        (Some(("origin", "https://evil.example".into())), 403),
        (Some(("sec-fetch-site", "same-origin".into())), 201),
        (Some(("sec-fetch-site", "same-site".into())), 403),
        (Some(("sec-fetch-site", "cross-site".into())), 403),
        (Some(("sec-fetch-site", "none".into())), 403),
    ] {
        let mut request = bed.posting("runs", &order).header("cookie", &cookie);
        if let Some((name, value)) = &header {
            request = request.header(*name, value);
        }
        let answer = send(request).await;
        assert_eq!(answer.status, expected, "{header:?} {answer:?}");
    }
    // Looking is no harm: no other page can read the answer.
    send(bed.request("GET", "/api/v1/runs").header("cookie", &cookie))
        .await
        .is(200);
    let foreign = bed.posting("session", &administrator().to_json());
    let foreign = foreign.header("origin", "http://localhost:3000");
    send(foreign).await.problem(403, "foreign-origin", None);
}

#[tokio::test]
async fn a_session_ends_when_it_is_ended() {
    let bed = Bed::closed().await;
    bed.add_user("ada", &[grant(Role::Viewer, "*")]).await;
    let (one, two) = (bed.session("ada").await, bed.session("ada").await);
    let out = bed.ask(&one, "DELETE", "session", None).await;
    let forgotten = out.is(204).headers["set-cookie"]
        .to_str()
        .expect("it is text");
    assert!(forgotten.starts_with("ferrovia=; "), "{forgotten}");
    bed.ask(&one, "GET", "me", None).await.is(401);
    bed.ask(&two, "GET", "me", None).await.is(200);

    let changed = "another good password";
    let wrong = value!({ "current": "not the password", "password": changed });
    bed.ask(&two, "PUT", "me/password", Some(wrong))
        .await
        .problem(422, "invalid", Some("/current"));
    let order = value!({ "current": PASSWORD, "password": changed });
    bed.ask(&two, "PUT", "me/password", Some(order))
        .await
        .is(204);
    bed.ask(&two, "GET", "me", None).await.is(401);
    bed.sign_in("ada", PASSWORD).await.is(401);
    bed.sign_in("ada", changed).await.is(200);

    let order = value!({ "password": PASSWORD });
    bed.ask(&bed.operator(), "PUT", "users/ada/password", Some(order))
        .await
        .is(204);
    let three = bed.session("ada").await;
    bed.ask(&three, "GET", "me", None).await.is(200);
    bed.ask(&bed.operator(), "DELETE", "users/ada", None)
        .await
        .is(204);
    bed.ask(&three, "GET", "me", None).await.is(401);
    // Another user of the same name is another user.
    bed.add_user("ada", &[grant(Role::Administrator, "*")])
        .await;
    bed.ask(&three, "GET", "me", None).await.is(401);
}

#[tokio::test]
async fn somebody_administers_the_server_always() {
    let bed = Bed::closed().await;
    let root = bed.session("root").await;
    let viewer = || Some(value!({ "roles": [{ "role": "viewer", "namespace": "*" }] }));
    bed.add_user("local", &[grant(Role::Administrator, "test")])
        .await;
    for (method, path, body) in [
        ("DELETE", "users/root", None),
        ("PUT", "users/root/roles", viewer()),
        ("PUT", "users/ROOT/roles", Some(value!({ "roles": [] }))),
    ] {
        bed.ask(&root, method, path, body)
            .await
            .problem(409, "last-administrator", None);
    }
    bed.add_user("second", &[grant(Role::Administrator, "*")])
        .await;
    // Both at the same time: one of them stays.
    let operator = bed.operator();
    let (one, two) = tokio::join!(
        bed.ask(&operator, "DELETE", "users/root", None),
        bed.ask(&operator, "PUT", "users/second/roles", viewer()),
    );
    let refused = [&one, &two]
        .iter()
        .filter(|answer| answer.status == 409)
        .count();
    assert_eq!(refused, 1, "{one:?} {two:?}");
    bed.get("/api/v1/runs").await.is(401);
}

#[tokio::test]
async fn an_administrator_of_a_namespace_decides_there_and_nowhere_else() {
    let bed = Bed::closed().await;
    bed.add_user("chief", &[grant(Role::Administrator, "test")])
        .await;
    bed.add_user("ada", &[grant(Role::Viewer, "zone")]).await;
    let chief = bed.session("chief").await;
    let operator = || Some(value!({ "role": "operator" }));
    bed.ask(&chief, "PUT", "namespaces/test/roles/ada", operator())
        .await
        .is(204);
    bed.ask(&chief, "PUT", "namespaces/zone/roles/ada", operator())
        .await
        .is(404);
    bed.ask(&chief, "PUT", "namespaces/*/roles/ada", operator())
        .await
        .is(404);
    bed.ask(
        &chief,
        "PUT",
        "users/ada/roles",
        Some(value!({ "roles": [] })),
    )
    .await
    .is(403);
    bed.ask(&bed.operator(), "PUT", "namespaces/*/roles/ada", operator())
        .await
        .is(404);
    let ada = bed.session("ada").await;
    let roles = || async { bed.ask(&ada, "GET", "me", None).await.at("/roles") };
    let zone = value!({ "namespace": "zone", "role": "viewer" });
    let test = value!({ "namespace": "test", "role": "operator" });
    assert_eq!(roles().await, value!([zone.clone(), test]));
    bed.ask(&chief, "DELETE", "namespaces/test/roles/ada", None)
        .await
        .is(204);
    assert_eq!(roles().await, value!([zone]));
}

#[tokio::test]
async fn the_page_to_set_up_runs_its_own_script_alone() {
    let bed = Bed::new().await;
    let page = bed.get("/setup").await;
    let policy = page.is(200).headers["content-security-policy"]
        .to_str()
        .expect("it is text");
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(policy.contains("script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}
