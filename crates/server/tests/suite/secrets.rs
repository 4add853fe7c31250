//! Secrets over HTTP: in they go, and out come names.

use ferrovia_expr::value;
use ferrovia_server::access::Role;

use crate::bed::Bed;
use crate::people::grant;

#[tokio::test]
async fn a_secret_is_set_named_and_removed_and_never_shown() {
    let bed = Bed::new().await;
    let operator = bed.operator();
    let path = "secrets/test/token";
    let order = || Some(value!({ "value": "s3cr3t-v4lu3" }));
    bed.ask(&operator, "PUT", path, order()).await.is(204);
    let listed = bed.ask(&operator, "GET", "secrets", None).await;
    assert_eq!(
        listed.is(200).at("/secrets"),
        value!([{ "namespace": "test", "name": "token" }])
    );
    bed.ask(&operator, "GET", path, None)
        .await
        .problem(405, "method", None);
    bed.ask(&operator, "DELETE", path, None).await.is(204);
    bed.ask(&operator, "DELETE", path, None)
        .await
        .problem(404, "not-found", None);
    bed.ask(&operator, "PUT", path, Some(value!({})))
        .await
        .problem(422, "invalid", Some("/value"));
    let long = value!({ "value": "x".repeat(70_000) });
    bed.ask(&operator, "PUT", path, Some(long))
        .await
        .problem(422, "invalid", Some("/value"));
    for path in [
        "secrets/te%20st/token",
        "secrets/test/a%2Fb",
        "secrets/test/a%0Ab",
    ] {
        bed.ask(&operator, "PUT", path, order())
            .await
            .problem(400, "malformed", None);
    }
}

#[tokio::test]
async fn those_of_all_namespaces_are_for_who_may_everywhere() {
    let bed = Bed::closed().await;
    bed.add_user("writer", &[grant(Role::Editor, "test")]).await;
    bed.add_user("chief", &[grant(Role::Editor, "*")]).await;
    let (writer, chief) = (bed.session("writer").await, bed.session("chief").await);
    let order = || Some(value!({ "value": "s3cr3t-v4lu3" }));
    for path in ["secrets/*/token", "secrets/zone/token"] {
        bed.ask(&writer, "PUT", path, order())
            .await
            .problem(404, "not-found", None);
        bed.ask(&chief, "PUT", path, order()).await.is(204);
    }
    bed.ask(&writer, "PUT", "secrets/test/token", order())
        .await
        .is(204);
    let count = async |proof| {
        let listed = bed.ask(proof, "GET", "secrets", None).await;
        let listed = listed.is(200).at("/secrets");
        listed.as_array().map(|listed| listed.len())
    };
    assert_eq!(count(&writer).await, Some(1));
    assert_eq!(count(&chief).await, Some(3));
    bed.ask(&chief, "POST", "secrets/rotate-key", None)
        .await
        .problem(403, "forbidden", None);
}
