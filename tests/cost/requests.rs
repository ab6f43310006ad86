//! The requests whose cost is counted, in the module (`tests/cost.rs`) and natively (`benches/instructions/request.rs`).

pub const CONFIG: &str = r#"{
    "secret": "0123456789abcdef",
    "session": {"key": [{"claims": ["sid"]}, {"header": "x-api-key"}], "payload": {"header": "x-jwt-payload"}},
    "device": {"posture": {"claim": "device.posture"}},
    "routes": [
        {"method": "GET", "path": "/v1/users/{id}/export", "tier": "sensitive", "access": "export"},
        {"path": "/v1/orders/{id}"},
        {"path": "/admin/**", "tier": "sensitive", "access": "admin"}
    ]
}"#;

/// Claims of the token's payload.
pub const CLAIMS: &str = r#"{"iss":"https://id.example.com","sub":"u-1234","sid":"s-5678","auth_time":1767600000,"scope":"read write","device":{"posture":"compliant"}}"#;

/// A credential without a token.
pub const API_KEY: (&str, &str) = ("x-api-key", "live_0123456789abcdef0123456789abcdef");

/// What the owner sends, from where, and beside which headers.
pub const OWNER: Sent = Sent {
    path: "/v1/orders/8812?full=1",
    address: "203.0.113.9:51423",
    headers: &[
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0"),
        ("accept", "application/json"),
        ("x-geo-asn", "3320"),
        ("x-geo-country", "DE"),
        ("x-geo-latitude", "52.52"),
        ("x-geo-longitude", "13.40"),
        ("x-ja4", "t13d1516h2_8daaf6152771_02713d6af862"),
    ],
};

/// What a thief sends with the owner's credential.
pub const THIEF: Sent = Sent {
    path: "/admin/users",
    address: "198.51.100.7:40000",
    headers: &[
        ("user-agent", "python-requests/2.32"),
        ("x-geo-asn", "64500"),
        ("x-geo-country", "BR"),
        ("x-geo-latitude", "-23.55"),
        ("x-geo-longitude", "-46.63"),
        ("x-ja4", "t13d1812h1_85036bcba153_b26ce05bbdd6"),
    ],
};

/// A GET.
#[derive(Clone, Copy)]
pub struct Sent {
    pub path: &'static str,
    pub address: &'static str,
    pub headers: &'static [(&'static str, &'static str)],
}
