//! Every limit and range of the project, in one table.
//! A number that bounds input, state or output lives here with its reason, not beside its use.

/// Bytes of a stored session, without its key. Architecture: an entry is at most 272 bytes.
pub const SESSION_BYTES: usize = 256;
/// Bytes of a session key: 128 bits of keyed digest.
pub const KEY_BYTES: usize = 16;

/// Known networks kept a session: home, work, mobile and one more.
pub const NETWORKS: usize = 4;
/// Known clients (User-Agent and TLS fingerprint each) kept a session.
pub const CLIENTS: usize = 2;
/// Lines of the evidence ledger.
pub const LEDGER_LINES: usize = 8;
/// Signals of one request that are kept whole; it is copied about with each assessment.
pub const SIGNALS: usize = 16;
/// Categories of the action mix.
pub const MIX_CATEGORIES: usize = 6;
/// Bytes of the bitmap that remembers which targets were touched.
pub const TARGET_BYTES: usize = 20;
/// The same in bits.
pub const TARGET_BITS: u32 = 160;
/// The most targets that a budget can say: beyond, the linear counter has too few bits left.
pub const TARGETS_MOST: u16 = 200;

/// Rules in one policy: one bit each in the set of rules that a request's names select.
pub const RULES: usize = 64;
/// Overrides in one configuration: each is compiled into a whole one of its own.
pub const OVERRIDES: usize = 16;
/// Route templates in one configuration.
pub const ROUTES: usize = 4096;
/// Tool globs in one configuration.
pub const TOOLS: usize = 256;

/// Longest request path that is matched against templates; longer ones match no route.
pub const PATH_BYTES: usize = 8 * 1024;
/// Longest identity value (token, key, cookie) that is digested. Longer ones are `malformed_identity`.
pub const IDENTITY_BYTES: usize = 64 * 1024;
/// Largest JSON-RPC body that the filter waits for, whatever the configuration says.
pub const BODY_BYTES: u32 = 1024 * 1024;
/// Longest name (tool, MCP method, `acr`) that is published for the access log; the rest is cut off.
pub const LOG_NAME_BYTES: usize = 128;
/// Longest scope that is published for the access log; entries that do not fit are left out.
pub const LOG_SCOPE_BYTES: usize = 2048;
/// Largest plugin configuration.
pub const CONFIG_BYTES: usize = 1024 * 1024;

/// Highest score, in points.
pub const SCORE_MAX: u8 = 100;
/// Points below the threshold that entered a level at which it is left.
pub const LEVEL_MARGIN: u8 = 5;
/// How long a level is held before it may fall, in seconds.
pub const LEVEL_HOLD_SECONDS: u32 = 300;
/// Relapses that are counted; with the last one a level is held for 80 minutes.
pub const RELAPSES: u8 = 5;
/// A whole week at `low` takes one relapse off.
pub const RELAPSE_HEALS_SECONDS: u32 = 7 * 24 * 3600;

/// Of this many seconds after a challenge one refusal is counted: a page asks for all that it shows at once.
pub const IGNORED_SECONDS: u32 = 10;
/// Refusals counted from which on a challenge is ignored: a minute of them at least.
pub const IGNORED: u8 = 6;
/// The most that are counted.
pub const IGNORED_MOST: u8 = 7;
/// Refusals are told apart by the number of their ten seconds, modulo this.
pub const IGNORED_SLOTS: u32 = 8;

/// User-Agents, and TLS fingerprints, that one worker keeps read.
pub const CACHED_TEXTS: usize = 256;
/// Longest of them in bytes: with it 128 KiB are the most that a worker holds of each.
pub const CACHED_TEXT_BYTES: usize = 512;
/// Token payloads whose claims one worker keeps read.
pub const CACHED_PAYLOADS: usize = 1024;
/// Longest of them as it comes, in base64: with it the claims' texts are 3 MiB at most. Longer ones are read every time.
pub const CACHED_PAYLOAD_BYTES: usize = 4096;

/// Updates that lost the compare-and-swap and wait for the next tick.
pub const PENDING_UPDATES: usize = 1024;
/// Attempts of one compare-and-swap update.
pub const CAS_TRIES: u32 = 3;

/// Requests a minute that one worker's admin interface answers, wrong secrets included.
pub const ADMIN_REQUESTS: u32 = 60;
/// Buckets that one request for the riskiest sessions reads.
pub const ADMIN_BUCKETS: u32 = 4_096;
/// Sessions in one answer.
pub const ADMIN_SESSIONS: usize = 20;
