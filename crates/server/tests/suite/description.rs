//! What the interface says of itself.

use ferrovia_expr::value;

use crate::bed::Bed;

#[tokio::test]
async fn the_document_is_of_openapi_and_says_who_may() {
    let bed = Bed::new().await;
    let document = bed.get("/api/v1/openapi.json").await;
    assert_eq!(document.is(200).at("/openapi"), value!("3.1.0"));
    assert_eq!(document.headers["content-type"], "application/json");
    let start = |member: &str| document.at(&format!("/paths/~1api~1v1~1runs/post/{member}"));
    assert_eq!(start("x-ferrovia-action"), value!("start-runs"));
    assert_eq!(start("x-ferrovia-role"), value!("operator"));
    assert_eq!(
        start("responses/401/content/application~1problem+json/schema/$ref"),
        value!("#/components/schemas/Problem")
    );
    let health = document.at("/paths/~1health/get/security");
    assert_eq!(health, value!([]));
}

#[tokio::test]
async fn the_page_has_every_way_in_and_runs_nothing() {
    let bed = Bed::new().await;
    let page = bed.get("/api/v1/docs").await;
    page.is(200);
    for route in ferrovia_server::routes() {
        let heading = format!("<code>{} {}</code>", route.method, route.path);
        assert!(page.text.contains(&heading), "{heading}");
    }
    let policy = page.headers["content-security-policy"]
        .to_str()
        .expect("it is text");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    assert!(!page.text.contains("<script"), "{}", page.text);
}

#[tokio::test]
async fn answers_say_how_browsers_have_to_treat_them() {
    let bed = Bed::new().await;
    for path in ["/api/v1/runs", "/api/v1/nothing", "/health"] {
        let answer = bed.get(path).await;
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'",
            ),
        ] {
            assert_eq!(answer.headers[name], value, "{path} {name}");
        }
    }
}
