//! Who may open the pages.

use super::*;

#[tokio::test]
async fn the_page_is_whole_and_keeps_to_itself() {
    let watched = start(Setup::new(), None).await;
    let page = watched.get("/_console/").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<title>lambda_ws console</title>"));
    let policy = page.header("content-security-policy").unwrap().to_owned();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for asset in ["app.js", "style.css", "icon.svg"] {
        let found = watched.get(&format!("/_console/{asset}")).await;
        assert_eq!(found.status, 200, "{asset}");
    }
    let moved = watched.get("/_console").await;
    assert_eq!(moved.status, 308);
    assert_eq!(moved.header("location"), Some("/_console/"));
    assert_eq!(watched.get("/_console/nothing").await.status, 404);
    assert_eq!(watched.call("GET", "nothing", "").await.0, 404);
    assert_eq!(watched.call("PUT", "post", "").await.0, 405);
    assert_eq!(
        watched.local.http("POST", "/_console/", b"").await.status,
        405
    );
}

#[tokio::test]
async fn a_page_of_elsewhere_is_refused() {
    let watched = start(Setup::new(), None).await;
    for headers in [
        "Host: evil.example\r\n",
        "Host: localhost\r\nOrigin: https://evil.example\r\n",
    ] {
        for path in ["/_console/", "/_console/api/state", "/_console/api/stream"] {
            let answer = watched.local.http_with("GET", path, headers, b"").await;
            assert_eq!(answer.status, 403, "{path} {headers}");
        }
    }
}

#[tokio::test]
async fn fault_m4_a_page_on_another_port_of_this_machine_is_refused_everywhere_but_at_the_websocket()
 {
    let setup = Setup::new().route("$connect", ok).route("$default", ok);
    let watched = start(setup, None).await;
    for (method, path) in [
        ("GET", "/_admin"),
        ("POST", "/_admin/invoke"),
        ("GET", "/_console/"),
        ("POST", "/_console/api/post"),
        ("GET", "/_console/api/stream"),
        ("POST", "/dev/@connections/AAAAAAAAAAAAAAA="),
    ] {
        for header in [
            "Origin: http://localhost:8080",
            "Origin: null",
            "Sec-Fetch-Site: same-site",
            "Sec-Fetch-Site: cross-site",
        ] {
            let headers =
                format!("Host: localhost:3001\r\n{header}\r\nContent-Type: text/plain\r\n");
            let answer = watched.local.http_with(method, path, &headers, b"{}").await;
            assert_eq!(answer.status, 403, "{path} {header}");
        }
    }
    let own =
        "Host: localhost:3001\r\nOrigin: http://localhost:3001\r\nSec-Fetch-Site: same-origin\r\n";
    let answer = watched.local.http_with("GET", "/_admin", own, b"").await;
    assert_eq!(answer.status, 200);
    // As on AWS, where only the function decides about origins.
    let evil = [("Origin", "https://evil.example")];
    let handshake = watched.local.handshake("/dev", &evil).await;
    assert!(handshake.is_ok());
}

#[tokio::test]
async fn fault_l8_the_console_and_the_admin_api_answer_to_this_machine_alone_unless_exposed() {
    for (audience, status) in [(Audience::ThisMachine, 403), (Audience::OtherMachines, 200)] {
        let setup = Setup::new().options(|options| {
            options.guard = Guard::new(["tunnel.example"]);
        });
        let watched = start_for(setup, None, audience).await;
        for path in ["/_console/", "/_admin"] {
            let host = |host: &str| format!("Host: {host}\r\n");
            let far = host("tunnel.example");
            let answer = watched.local.http_with("GET", path, &far, b"").await;
            assert_eq!(answer.status, status, "{path} {audience:?}");
            let near = host("127.0.0.1:3001");
            let answer = watched.local.http_with("GET", path, &near, b"").await;
            assert_eq!(answer.status, 200, "{path} {audience:?}");
        }
    }
}

#[tokio::test]
async fn the_application_s_own_page_is_served_beside_the_stage() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("index.html", "<title>mine</title>");
    write(".secret", "no");
    std::fs::write(folder.path().with_extension("outside"), "no").unwrap();
    let watched = start(Setup::new(), Some(folder.path())).await;
    let page = watched.get("/").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.body.as_str(), "<title>mine</title>");
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("default-src 'self'")
    );
    let config: Value = serde_json::from_str(&watched.get("/config.json").await.body).unwrap();
    assert_eq!(config["websocket"], "ws://localhost/dev");
    let outside = folder.path().with_extension("outside");
    let outside = format!("/../{}", outside.file_name().unwrap().to_str().unwrap());
    for path in [
        "/nothing.js",
        "/.secret",
        &outside,
        "/%2e%2e/x",
        "//etc/passwd",
    ] {
        assert_eq!(watched.get(path).await.status, 403, "{path}");
    }
    // A3.
    assert_eq!(watched.get("/dev").await.status, 426);
    // Files are read anew.
    write("index.html", "changed");
    write("config.json", "{}");
    assert_eq!(watched.get("/").await.body, "changed");
    assert_eq!(watched.get("/config.json").await.body, "{}");
    std::fs::remove_file(folder.path().with_extension("outside")).unwrap();
}
