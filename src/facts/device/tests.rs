//! User agents as they are sent.
#![allow(clippy::unwrap_used)]

use super::*;

#[track_caller]
fn reads(text: &str, family: Family, os: Os, version: u16) {
    let expected = UserAgent { family, os, version };
    assert_eq!(UserAgent::parse(text.as_bytes()), Some(expected), "{text}");
}

#[test]
fn browsers_are_not_taken_for_those_they_descend_from() {
    for (text, family, os, version) in [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36",
            Family::CHROME,
            Os::Windows,
            145,
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Safari/537.36 Edg/145.0.3800.58",
            Family::EDGE,
            Os::Windows,
            145,
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/124.0.0.0 (Edition std-2)",
            Family::OPERA,
            Os::Windows,
            124,
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36",
            Family::SAMSUNG_INTERNET,
            Os::Android,
            29,
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
            Family::SAFARI,
            Os::Macos,
            18,
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
            Family::SAFARI,
            Os::Ios,
            18,
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/143.0.7499.108 Mobile/15E148 Safari/604.1",
            Family::CHROME,
            Os::Ipados,
            143,
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/146.1 Mobile/15E148 Safari/604.1",
            Family::FIREFOX,
            Os::Ios,
            146,
        ),
        (
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
            Family::FIREFOX,
            Os::Linux,
            146,
        ),
        ("Mozilla/5.0 (Android 14; Mobile; rv:146.0) Gecko/146.0 Firefox/146.0", Family::FIREFOX, Os::Android, 146),
        (
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36",
            Family::CHROME,
            Os::Chromeos,
            143,
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
            Family::INTERNET_EXPLORER,
            Os::Windows,
            7,
        ),
        (
            "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)",
            Family::INTERNET_EXPLORER,
            Os::Windows,
            10,
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Cursor/1.4.2 Chrome/132.0.0.0 Electron/34.5.8 Safari/537.36",
            Family::CURSOR,
            Os::Macos,
            68,
        ),
    ] {
        reads(text, family, os, version);
    }
}

#[test]
fn pages_inside_apps_are_web_views() {
    for (text, os, version) in [
        (
            "Mozilla/5.0 (Linux; Android 14; SM-S911B Build/UP1A; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/143.0.7499.34 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/500.0.0;]",
            Os::Android,
            143,
        ),
        (
            "Mozilla/5.0 (Linux; U; Android 4.1; es-es; GT-I9100 Build/JSS15J) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30",
            Os::Android,
            4,
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/500.0.0]",
            Os::Ios,
            605,
        ),
    ] {
        reads(text, Family::WEB_VIEW, os, version);
    }
}

#[test]
fn tools_and_agents_are_known_by_their_first_product() {
    for (text, family, os, version) in [
        ("curl/8.5.0", Family::CURL, Os::Unknown, 8 * 64 + 5),
        ("python-requests/2.32.3", Family::PYTHON_REQUESTS, Os::Unknown, 2 * 64 + 32),
        ("Go-http-client/1.1", Family::GO_HTTP, Os::Unknown, 65),
        ("okhttp/4.12.0", Family::OKHTTP, Os::Unknown, 4 * 64 + 12),
        ("node", Family::NODE, Os::Unknown, 0),
        ("PostmanRuntime/7.43.0", Family::POSTMAN, Os::Unknown, 7 * 64 + 43),
        ("Apache-HttpClient/4.5 (Java/17.0.9)", Family::APACHE_HTTP_CLIENT, Os::Unknown, 4 * 64 + 5),
        ("kubectl/v1.29.0 (linux/amd64) kubernetes/3f7a50f", Family::KUBECTL, Os::Linux, 64 + 29),
        ("aws-cli/2.15.0 Python/3.11.6 Darwin/23.1.0 exe/x86_64 prompt/off", Family::AWS_CLI, Os::Macos, 2 * 64 + 15),
        ("terraform-provider-app/1.9.2", Family::TERRAFORM, Os::Unknown, 64 + 9),
        (
            "APN/1.0 HashiCorp/1.0 Terraform/1.5.7 (+https://www.terraform.io) terraform-provider-aws/5.31.0",
            Family::TERRAFORM,
            Os::Unknown,
            64 + 5,
        ),
        ("Python/3.12 aiohttp/3.9.1", Family::AIOHTTP, Os::Unknown, 3 * 64 + 9),
        ("OpenAI/Python 1.40.0", Family::OPENAI_SDK, Os::Unknown, 64 + 40),
        ("claude-cli/2.0.14 (external, cli)", Family::CLAUDE_CODE, Os::Unknown, 128),
        (
            "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041",
            Family::POWERSHELL,
            Os::Windows,
            5 * 64 + 1,
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/143.0.0.0 Safari/537.36",
            Family::HEADLESS_CHROME,
            Os::Linux,
            143 * 64,
        ),
    ] {
        reads(text, family, os, version);
        assert!(!family.is_browser(), "{text}");
    }
}

#[test]
fn crawlers_in_the_clothes_of_a_browser_are_crawlers() {
    for (text, family) in [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Family::GOOGLEBOT),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 8_3 like Mac OS X) AppleWebKit/600.1.4 (KHTML, like Gecko) Version/8.0 Mobile/12F70 Safari/600.1.4 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            Family::GOOGLEBOT,
        ),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
            Family::GPTBOT,
        ),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko); compatible; ChatGPT-User/1.0; +https://openai.com/bot",
            Family::CHATGPT_USER,
        ),
        (
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Claude-User/1.0; +Claude-User@anthropic.com)",
            Family::CLAUDE_USER,
        ),
    ] {
        let found = UserAgent::parse(text.as_bytes()).unwrap().family;
        assert_eq!(found, family, "{text}");
    }
    let unknown = "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)";
    let found = UserAgent::parse(unknown.as_bytes()).unwrap();
    assert_eq!(found.family, Family::hashed(b"AhrefsBot"));
    assert_eq!(found.version, 7 * 64);
}

#[test]
fn an_unknown_program_is_itself_and_nobody_else() {
    let of = |text: &str| UserAgent::parse(text.as_bytes()).unwrap();
    let sync = of("svc-sync/1.9.2 (Go-http-client/1.1)");
    assert_eq!(sync.family, of("SVC-Sync/2.0").family);
    assert_ne!(sync.family, of("svc-audit/1.9.2").family);
    assert_eq!(sync.family.name(), "other");
    assert_eq!(sync.version, 64 + 9);
    assert!(!sync.family.is_browser());
    // Stored in sessions: the digest may never change.
    assert_eq!(sync.family.code(), 0x8d99);
    assert_eq!(of("MyApp/3.2 okhttp/4.12.0").version, 3 * 64 + 2);
}

#[test]
fn an_upgrade_only_ever_raises_the_version() {
    let of = |text: &str| UserAgent::parse(text.as_bytes()).unwrap().version;
    assert!(of("curl/8.4.0") < of("curl/8.5.0"));
    assert!(of("curl/8.99") <= of("curl/9.0"));
    assert_eq!(of("tool/99999.1"), u16::MAX);
    assert_eq!(of("tool/2026.7"), u16::MAX);
    assert_eq!(of("tool/x1"), 0);
    assert_eq!(of("tool/"), 0);
}

#[test]
fn nothing_and_nonsense_are_told_apart() {
    assert_eq!(UserAgent::parse(b""), None);
    assert_eq!(UserAgent::parse(b" \t"), None);
    for text in [&b"-"[..], b"();", b"\xff\xfe", b"/1.0", b"compatible;"] {
        assert_eq!(UserAgent::parse(text).unwrap().family.name(), "other");
    }
    let bare = UserAgent::parse(b"Mozilla/5.0 (compatible;)").unwrap();
    assert_eq!(bare.family, Family::MOZILLA);
    let long = [&b"x/1 "[..], &b"Terraform/1 ".repeat(10_000)].concat();
    assert_eq!(UserAgent::parse(&long).unwrap().family, Family::TERRAFORM);
}

#[test]
fn posture_takes_the_words_of_the_standard() {
    for (text, expected) in [
        (&b"compliant"[..], Posture::Compliant),
        (b" Compliant ", Posture::Compliant),
        (b"not-compliant", Posture::NotCompliant),
        (b"NOT_COMPLIANT", Posture::NotCompliant),
        (b"nonCompliant", Posture::NotCompliant),
        (b"unknown", Posture::Unknown),
        (b"", Posture::Unknown),
        (b"compliant, not-compliant", Posture::Unknown),
        (b"\xff", Posture::Unknown),
    ] {
        assert_eq!(Posture::parse(text), expected);
    }
    for posture in [Posture::Compliant, Posture::NotCompliant, Posture::Unknown] {
        assert_eq!(Posture::parse(posture.name().as_bytes()), posture);
    }
}

#[test]
fn a_tls_stack_is_the_transport_and_the_cipher_suites() {
    let stack = |text: &'static str| tls_stack(text.as_bytes());
    assert_eq!(stack("t13d1516h2_8daaf6152771_d8a2da3f94cd"), (&b"t"[..], &b"8daaf6152771"[..]));
    assert_eq!(stack("t13d1517h2_8daaf6152771_52b7fe75750b"), stack("t13i1516h1_8daaf6152771_000000000000"));
    assert_ne!(stack("q13d0312h3_55b375c5d22e_06cda9e17597"), stack("t13d0312h3_55b375c5d22e_06cda9e17597"));
    assert_eq!(stack("no fingerprint"), (&b""[..], &b"no fingerprint"[..]));
    assert_eq!(stack(""), (&b""[..], &b""[..]));
}
