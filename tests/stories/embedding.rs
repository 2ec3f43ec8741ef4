//! A link's chat in another site's page: in the origins that the link allows, and in no others.

use http::Method;
use http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
use serde_json::json;

use crate::support::{Installation, send, token_of};

#[tokio::test]
async fn only_the_links_own_origins_may_frame_it() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let visitor = installation.visitor();
    let framed_by = async |path: &str| {
        let page = visitor.get(path).await;
        assert_eq!(page.status, 200);
        let policy = page.header("content-security-policy").unwrap().to_owned();
        (policy.rsplit_once("frame-ancestors ").unwrap().1.to_owned(), page.body)
    };
    let embedded = agent.link(json!({"allowed_origins": ["https://shop.example", "http://localhost:3000"]})).await;
    let (origins, shell) = framed_by(&format!("/embed/{}", token_of(&embedded))).await;
    assert_eq!(origins, "https://shop.example http://localhost:3000");

    let plain = agent.link(json!({})).await;
    for path in [
        format!("/embed/{}", token_of(&plain)),
        "/embed/nonsense".to_owned(),
        format!("/embed/{}x", token_of(&embedded)),
        format!("/temp-chat/{}", token_of(&embedded)),
    ] {
        let (origins, other) = framed_by(&path).await;
        assert_eq!(origins, "'none'", "{path}");
        assert_eq!(other, shell, "the same bytes for all");
    }

    agent.update(&embedded, json!({"allowed_origins": []})).await;
    assert_eq!(framed_by(&format!("/embed/{}", token_of(&embedded))).await.0, "'none'");
}

#[tokio::test]
async fn other_sites_may_load_the_script_and_nothing_else() {
    let visitor = Installation::shared().visitor();
    let script = visitor.get("/embed.js").await;
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(script.header("cross-origin-resource-policy"), Some("cross-origin"));
    assert!(script.body.len() < 5_000, "{} bytes", script.body.len());
    // Under its one name it is kept for a while only, and asked for again in few bytes.
    assert_eq!(script.header("cache-control"), Some("public, max-age=600"));
    let tag = script.header("etag").unwrap();
    for (known, status) in [(tag, 304), (&format!("\"other\", {tag}"), 304), ("W/\"other\"", 200)] {
        let again = send(visitor.request(Method::GET, "/embed.js").header(IF_NONE_MATCH, known)).await;
        assert_eq!((again.status.as_u16(), again.header("etag")), (status, Some(tag)), "{known}");
    }
    for encoding in ["br", "gzip"] {
        let small = send(visitor.request(Method::GET, "/embed.js").header(ACCEPT_ENCODING, encoding)).await;
        assert_eq!((small.header("content-encoding"), small.header("vary")), (Some(encoding), Some("accept-encoding")));
        assert!(small.body.len() < 2_000, "{} bytes", small.body.len());
    }
    assert_eq!(visitor.get("/").await.header("cross-origin-resource-policy"), Some("same-origin"));
}
