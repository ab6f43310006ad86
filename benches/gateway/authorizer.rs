//! The same core outside the gateway: an external authorizer for Envoy (gRPC), for the comparison alone.
//! It keeps sessions in memory and sees requests, not answers. Not a product: no TLS, no reload, loopback only.
#![allow(clippy::print_stdout, reason = "whoever started it reads the port there")]

use clap::Parser;
use envoy_types::ext_authz::v3::pb::{
    Address, Authorization, AuthorizationServer, CheckRequest, CheckResponse, DeniedHttpResponse, HeaderAppendAction,
    HeaderValue, HeaderValueOption, HttpResponse, HttpStatus, OkHttpResponse,
};
use envoy_types::pb::google::rpc;
use session_risk::{
    engine::Assessment,
    facts::{Action, Facts},
    host::{Effect, Host},
    intake::{self, Target},
    response::{self, Caller, Protocol, Told},
    root::{Kept, Root, Work},
    session::{
        local::LocalStore,
        table::{Cas, Store, StoreError, Written},
    },
    time::Timestamp,
};
use std::{
    error::Error,
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};
use tonic::{Request, Response, Status, transport::Server, transport::server::TcpIncoming};

type Failure = Box<dyn Error + Send + Sync>;

/// Asks the core about every request that an Envoy sends.
#[derive(Parser)]
struct Arguments {
    /// Configuration of the filter
    #[arg(long)]
    config: PathBuf,
    /// A Rego policy that decides instead of the core's rules
    #[arg(long)]
    rego: Option<PathBuf>,
    /// Threads that serve
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

fn main() -> Result<(), Failure> {
    let arguments = Arguments::parse();
    let mut memory = Memory::default();
    let root = Root::configure(&mut memory, &std::fs::read(&arguments.config)?).map_err(|error| error.to_string())?;
    let rego = arguments.rego.map(rego_engine).transpose()?;
    let authorizer = Authorizer { core: Mutex::new(Core { root, memory, rego }) };
    let mut runtime = match arguments.threads {
        0 | 1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime.worker_threads(arguments.threads.max(1)).enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?.port());
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        Server::builder().add_service(AuthorizationServer::new(authorizer)).serve_with_incoming(incoming).await?;
        Ok(())
    })
}

fn rego_engine(path: PathBuf) -> Result<regorus::Engine, Failure> {
    let mut engine = regorus::Engine::new();
    engine.add_policy("policy.rego".to_owned(), std::fs::read_to_string(path)?)?;
    Ok(engine)
}

/// What every check works on. One lock: a check takes a few microseconds of the tens that its call takes.
struct Core {
    root: Root,
    memory: Memory,
    rego: Option<regorus::Engine>,
}

struct Authorizer {
    core: Mutex<Core>,
}

#[tonic::async_trait]
impl Authorization for Authorizer {
    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        core.check(&request.into_inner()).map(Response::new)
    }
}

impl Core {
    fn check(&mut self, request: &CheckRequest) -> Result<CheckResponse, Status> {
        let missing = || Status::invalid_argument("the request has no HTTP attributes");
        let attributes = request.attributes.as_ref().ok_or_else(missing)?;
        let http = attributes.request.as_ref().and_then(|request| request.http.as_ref()).ok_or_else(missing)?;
        let peer = attributes.source.as_ref().and_then(|peer| peer.address.as_ref()?.address.as_ref());
        let now = self.memory.now();
        let (config, cache) = self.root.reading(session_risk::facts::ConfigId::default());
        let pairs = http.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let headers = config.names.pick(pairs);
        let target = Target::find(config, &headers);
        let mut property = |path: &[&str]| match (path, peer) {
            (["source", "address"], Some(Address::SocketAddress(socket))) => Some(socket.address.clone().into_bytes()),
            _ => None,
        };
        let Some(facts) = intake::read(config, cache, &headers, &target, None, &mut property, now).facts else {
            return Ok(forward(Vec::new()));
        };
        match self.root.keep(&mut self.memory, &Work::Assess(facts)) {
            Kept::Assessed(assessment, _) => self.answer(&facts, &assessment, &http.path),
            Kept::Observed(_) | Kept::Found(_) | Kept::Failed => Err(Status::internal("the session could not be read")),
        }
    }

    fn answer(&mut self, facts: &Facts, assessment: &Assessment, path: &str) -> Result<CheckResponse, Status> {
        let mut headers = Vec::new();
        Told::of(assessment).request_headers(&mut |name, value| headers.push((name, value.to_owned())));
        if let Some(engine) = &mut self.rego {
            let decision = decided(engine, &facts.action, assessment, path)?;
            let forwards = decision == "allow" || !assessment.decision.enforced;
            return Ok(if forwards { forward(headers) } else { refuse(403, Vec::new(), decision) });
        }
        let step_up = &self.root.config().step_up;
        let caller = Caller { protocol: Protocol::Http, takes_claims: false, approval: None };
        Ok(match response::local_reply(assessment, facts.action.access, caller, step_up) {
            Some(reply) => refuse(reply.status, reply.headers, reply.body),
            None => forward(headers),
        })
    }
}

/// What the policy says of an assessment.
fn decided(
    engine: &mut regorus::Engine,
    action: &Action,
    assessment: &Assessment,
    path: &str,
) -> Result<String, Status> {
    let input = serde_json::json!({
        "score": assessment.score.points(),
        "level": assessment.level.name(),
        "reasons": response::reasons(&assessment.contributions),
        "tier": format!("{:?}", action.tier),
        "access": format!("{:?}", action.access),
        "path": path,
    });
    engine.set_input(regorus::Value::from(input));
    let decision = engine.eval_rule("data.session_risk.decision".to_owned());
    let text = decision.and_then(|value| value.as_string().map(|text| text.to_string()));
    text.map_err(|error| Status::internal(format!("the policy cannot be evaluated: {error}")))
}

fn options(headers: Vec<(&'static str, String)>) -> Vec<HeaderValueOption> {
    let option = |(key, value): (&str, String)| HeaderValueOption {
        header: Some(HeaderValue { key: key.to_owned(), value, ..HeaderValue::default() }),
        append_action: HeaderAppendAction::OverwriteIfExistsOrAdd.into(),
        ..HeaderValueOption::default()
    };
    headers.into_iter().map(option).collect()
}

fn forward(headers: Vec<(&'static str, String)>) -> CheckResponse {
    let ok = OkHttpResponse { headers: options(headers), ..OkHttpResponse::default() };
    CheckResponse {
        status: Some(rpc::Status::default()),
        http_response: Some(HttpResponse::OkResponse(ok)),
        ..CheckResponse::default()
    }
}

fn refuse(status: u16, headers: Vec<(&'static str, String)>, body: String) -> CheckResponse {
    let status = Some(HttpStatus { code: i32::from(status) });
    let denied = DeniedHttpResponse { status, headers: options(headers), body };
    /// `PERMISSION_DENIED` of gRPC.
    const DENIED: i32 = 7;
    CheckResponse {
        status: Some(rpc::Status { code: DENIED, ..rpc::Status::default() }),
        http_response: Some(HttpResponse::DeniedResponse(denied)),
        ..CheckResponse::default()
    }
}

/// Sessions in this process, and a host that has no effects: what a request gets is in the answer to the gateway.
#[derive(Default)]
struct Memory {
    store: LocalStore,
}

impl Store for Memory {
    fn read(&mut self, key: &[u8], into: &mut Vec<u8>) -> Result<Option<Cas>, StoreError> {
        self.store.read(key, into)
    }

    fn write(&mut self, key: &[u8], value: &[u8], cas: Option<Cas>) -> Result<Written, StoreError> {
        self.store.write(key, value, cas)
    }
}

impl Host for Memory {
    fn now(&mut self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn property(&mut self, _path: &[&str]) -> Option<Vec<u8>> {
        None
    }

    fn apply(&mut self, _effect: Effect<'_>) {}
}
