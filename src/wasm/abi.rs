//! The proxy-wasm ABI 0.2.1 calls that this filter makes, as plain functions that cannot panic. The only file with
//! `unsafe`.
//!
//! The SDK's own wrappers panic on statuses that an unusual host may return and on header bytes that a client chooses,
//! and a panic takes the whole worker down. Here every status comes back as a value.
#![expect(unsafe_code, reason = "host calls pass pointers")]

use std::ptr::null_mut;

/// A status other than 0, as the host gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status(u32);

impl Status {
    /// The thing asked for is not there.
    pub(super) const NOT_FOUND: Self = Self(1);
    /// A compare-and-swap number does not match.
    pub(super) const CAS_MISMATCH: Self = Self(8);
    /// The host does not have this call.
    pub(super) const UNIMPLEMENTED: Self = Self(12);

    /// The host's number.
    pub(super) const fn number(self) -> u32 {
        self.0
    }
}

/// Header maps, by the ABI's numbers.
#[derive(Clone, Copy)]
pub(super) enum Map {
    /// Request headers.
    Request = 0,
    /// Response headers.
    Response = 2,
}

/// Buffers, by the ABI's numbers.
#[derive(Clone, Copy)]
pub(super) enum Buffer {
    /// Request body.
    RequestBody = 0,
    /// Plugin configuration.
    PluginConfiguration = 7,
}

/// Metric types, by the ABI's numbers.
#[derive(Clone, Copy)]
pub(super) enum Metric {
    /// A number that only grows.
    Counter = 0,
    /// A distribution.
    Histogram = 2,
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_get_buffer_bytes(kind: u32, start: usize, size: usize, data: *mut *mut u8, length: *mut usize) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, length: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        length: *mut usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, length: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        length: *mut usize,
        cas: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(key: *const u8, key_size: usize, value: *const u8, value_size: usize, cas: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
}

const fn check(status: u32) -> Result<(), Status> {
    if status == 0 { Ok(()) } else { Err(Status(status)) }
}

/// Runs a call that gives back bytes which the host allocated in this module's memory.
fn take(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, Status> {
    let (mut data, mut length) = (null_mut::<u8>(), 0usize);
    check(call(&raw mut data, &raw mut length))?;
    if data.is_null() || length == 0 {
        return Ok(Vec::new());
    }
    // SAFETY: the host allocated `length` bytes through `proxy_on_memory_allocate`, the SDK's export, which takes them
    // from this allocator with exactly that capacity, and gave up the pointer.
    Ok(unsafe { Vec::from_raw_parts(data, length, length) })
}

fn found(result: Result<Vec<u8>, Status>) -> Result<Option<Vec<u8>>, Status> {
    match result {
        Ok(bytes) => Ok(Some(bytes)),
        Err(Status::NOT_FOUND) => Ok(None),
        Err(status) => Err(status),
    }
}

/// Writes a line to the host's log; 2 is info, 3 warn, 4 error.
pub(super) fn log(level: u32, text: &str) {
    // SAFETY: the host reads `text` during the call.
    let _ = unsafe { proxy_log(level, text.as_ptr(), text.len()) };
}

/// Nanoseconds since the Unix epoch.
pub(super) fn time() -> Result<u64, Status> {
    let mut time = 0;
    // SAFETY: the host writes one u64.
    check(unsafe { proxy_get_current_time_nanoseconds(&raw mut time) })?;
    Ok(time)
}

/// Asks for a tick every `milliseconds`.
pub(super) fn set_tick_period(milliseconds: u32) -> Result<(), Status> {
    // SAFETY: no pointers.
    check(unsafe { proxy_set_tick_period_milliseconds(milliseconds) })
}

/// Up to `size` bytes of a buffer.
pub(super) fn buffer(buffer: Buffer, size: usize) -> Result<Option<Vec<u8>>, Status> {
    // SAFETY: the host writes one pointer and one length.
    found(take(|data, length| unsafe { proxy_get_buffer_bytes(buffer as u32, 0, size, data, length) }))
}

/// All headers, serialised.
pub(super) fn header_pairs(map: Map) -> Result<Vec<u8>, Status> {
    // SAFETY: the host writes one pointer and one length.
    take(|data, length| unsafe { proxy_get_header_map_pairs(map as u32, data, length) })
}

/// One header.
pub(super) fn header(map: Map, name: &str) -> Result<Option<Vec<u8>>, Status> {
    // SAFETY: the host reads `name` during the call and writes one pointer and one length.
    found(take(|data, length| unsafe {
        proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), data, length)
    }))
}

/// Sets a request header, replacing every copy.
pub(super) fn set_request_header(name: &str, value: &str) -> Result<(), Status> {
    // SAFETY: the host reads both during the call.
    check(unsafe {
        proxy_replace_header_map_value(Map::Request as u32, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Removes every copy of a request header.
pub(super) fn remove_request_header(name: &[u8]) -> Result<(), Status> {
    // SAFETY: the host reads `name` during the call.
    check(unsafe { proxy_remove_header_map_value(Map::Request as u32, name.as_ptr(), name.len()) })
}

/// Removes every copy of a response header.
pub(super) fn remove_response_header(name: &str) -> Result<(), Status> {
    // SAFETY: the host reads `name` during the call.
    check(unsafe { proxy_remove_header_map_value(Map::Response as u32, name.as_ptr(), name.len()) })
}

/// A property.
pub(super) fn property(path: &[&str]) -> Result<Option<Vec<u8>>, Status> {
    let path = path.join("\0");
    // SAFETY: the host reads `path` during the call and writes one pointer and one length.
    found(take(|data, length| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, length) }))
}

/// Sets a property with a path of one segment.
pub(super) fn set_property(name: &str, value: &str) -> Result<(), Status> {
    // SAFETY: the host reads both during the call.
    check(unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
}

/// A shared-data value with its compare-and-swap number.
pub(super) fn shared_data(key: &[u8]) -> Result<Option<(Vec<u8>, u32)>, Status> {
    let mut cas = 0;
    // SAFETY: the host reads `key` during the call and writes one pointer, one length and one number.
    let value = found(take(|data, length| unsafe {
        proxy_get_shared_data(key.as_ptr(), key.len(), data, length, &raw mut cas)
    }))?;
    Ok(value.map(|value| (value, cas)))
}

/// Stores a shared-data value.
pub(super) fn set_shared_data(key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
    // SAFETY: the host reads both during the call.
    check(unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) })
}

/// Answers the request. `headers` are serialised pairs.
pub(super) fn send_local_response(status: u16, details: &str, body: &str, headers: &[u8]) -> Result<(), Status> {
    // SAFETY: the host reads all of them during the call. -1: no gRPC status.
    check(unsafe {
        proxy_send_local_response(
            u32::from(status),
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            -1,
        )
    })
}

/// Resumes the request of the effective context.
pub(super) fn continue_request() -> Result<(), Status> {
    // SAFETY: no pointers.
    check(unsafe { proxy_continue_stream(0) })
}

/// Makes `context` the one that the next calls are about.
pub(super) fn set_effective_context(context: u32) -> Result<(), Status> {
    // SAFETY: no pointers.
    check(unsafe { proxy_set_effective_context(context) })
}

/// Defines a metric and gives its id.
pub(super) fn define_metric(kind: Metric, name: &str) -> Result<u32, Status> {
    let mut id = 0;
    // SAFETY: the host reads `name` during the call and writes one number.
    check(unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id) })?;
    Ok(id)
}

/// Adds to a counter.
pub(super) fn increment_metric(id: u32, by: u32) -> Result<(), Status> {
    // SAFETY: no pointers.
    check(unsafe { proxy_increment_metric(id, i64::from(by)) })
}

/// Records a value in a histogram.
pub(super) fn record_metric(id: u32, value: u64) -> Result<(), Status> {
    // SAFETY: no pointers.
    check(unsafe { proxy_record_metric(id, value) })
}

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(super::Plugin::default()));
}}
