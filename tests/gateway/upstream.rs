//! The protected application, as tests need it: it answers everything, says which headers it saw, and remembers them.

use serde_json::{Map, Value, json};
use std::{
    sync::{Arc, Mutex},
    thread::JoinHandle,
};
use tiny_http::{Header, Response, Server};

/// One request as the upstream saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

pub struct Upstream {
    server: Arc<Server>,
    seen: Arc<Mutex<Vec<Seen>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Upstream {
    /// Starts on a free loopback port. A request's `x-upstream-status` and `x-upstream-bytes` say how to answer it.
    pub fn start() -> Result<Self, String> {
        let server = Server::http("127.0.0.1:0").map_err(|error| format!("cannot start the upstream: {error}"))?;
        let (server, seen) = (Arc::new(server), Arc::new(Mutex::new(Vec::new())));
        let threads = (0..4)
            .map(|_| {
                let (server, seen) = (Arc::clone(&server), Arc::clone(&seen));
                std::thread::spawn(move || {
                    while let Ok(request) = server.recv() {
                        answer(request, &seen);
                    }
                })
            })
            .collect();
        Ok(Self { server, seen, threads })
    }

    pub fn port(&self) -> u16 {
        self.server.server_addr().to_ip().expect("an IP listener").port()
    }

    /// Everything seen so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no thread panicked").clone()
    }

    /// Forgets what was seen.
    pub fn forget(&self) {
        self.seen.lock().expect("no thread panicked").clear();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        for _ in &self.threads {
            self.server.unblock();
        }
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn answer(mut request: tiny_http::Request, seen: &Mutex<Vec<Seen>>) {
    let mut body = Vec::new();
    drop(request.as_reader().read_to_end(&mut body));
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|header| (header.field.as_str().as_str().to_ascii_lowercase(), header.value.as_str().to_owned()))
        .collect();
    let value = |name: &str| headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let status: u16 = value("x-upstream-status").and_then(|value| value.parse().ok()).unwrap_or(200);
    let padding = value("x-upstream-bytes").and_then(|value| value.parse().ok()).unwrap_or(0);
    let map: Map<String, Value> = headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let path = request.url().to_owned();
    let method = request.method().to_string();
    let echo = json!({"method": method, "path": path, "headers": map, "padding": "x".repeat(padding)});
    seen.lock().expect("no thread panicked").push(Seen { method, path, headers: headers.clone(), body });
    let json = Header::from_bytes("content-type", "application/json").expect("a valid header");
    let reply = Response::from_string(echo.to_string()).with_status_code(status).with_header(json);
    drop(request.respond(reply));
}
