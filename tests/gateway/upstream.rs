//! The protected application, as tests need it: it answers everything, says which headers it saw, and remembers them.

use super::client::{self, Message};
use serde_json::{Map, Value, json};
use std::{
    io::{BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

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
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    ended: Arc<AtomicBool>,
}

impl Upstream {
    /// Starts on a free loopback port. A request's `x-upstream-status` and `x-upstream-bytes` say how to answer it.
    pub fn start() -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("cannot start the upstream: {error}");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let (seen, ended) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (notes, end) = (Arc::clone(&seen), Arc::clone(&ended));
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if end.load(Ordering::Relaxed) {
                    return;
                }
                let notes = Arc::clone(&notes);
                std::thread::spawn(move || serve(connection, &notes));
            }
        });
        Ok(Self { port, seen, ended })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Everything seen so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no thread panicked").clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the listener, which then ends.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// Answers the requests of one connection until it ends.
fn serve(connection: TcpStream, seen: &Mutex<Vec<Seen>>) {
    drop(connection.set_nodelay(true));
    let mut connection = BufReader::new(connection);
    while let Ok(Message { start, headers, body }) = client::read_message(&mut connection, false) {
        let mut words = start.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let value = |name: &str| headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let status: u16 = value("x-upstream-status").and_then(|value| value.parse().ok()).unwrap_or(200);
        let padding = value("x-upstream-bytes").and_then(|value| value.parse().ok()).unwrap_or(0);
        let map: Map<String, Value> =
            headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        let echo = json!({"method": method, "path": path, "headers": map, "padding": "x".repeat(padding)}).to_string();
        seen.lock().expect("no thread panicked").push(Seen { method, path, headers, body });
        let reply = format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{echo}",
            echo.len()
        );
        if connection.get_mut().write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}
