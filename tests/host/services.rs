//! Host calls that are not about one request: logs, time, ticks, shared data, metrics, and what
//! this filter must not use. The rules of shared data and metrics are in `process.rs`.

use super::abi::status;
use super::call::{Answer, Call, HostCall};
use super::process::{Fail, trap};

pub(super) const CALLS: &[HostCall] = &[
    ("proxy_log", "iii", log),
    ("proxy_get_log_level", "i", log_level),
    ("proxy_get_current_time_nanoseconds", "i", current_time),
    ("proxy_set_tick_period_milliseconds", "i", set_tick_period),
    ("proxy_done", "", |call| call.refuse(status::NOT_FOUND, "proxy_done is not implemented")),
    ("proxy_get_status", "iii", get_status),
    ("proxy_call_foreign_function", "iiiiii", |call| call.refuse(status::NOT_FOUND, "unknown foreign function")),
    ("proxy_get_shared_data", "iiiii", get_shared_data),
    ("proxy_set_shared_data", "iiiii", set_shared_data),
    ("proxy_define_metric", "iiii", define_metric),
    ("proxy_increment_metric", "iI", increment_metric),
    ("proxy_record_metric", "iI", record_metric),
    ("proxy_get_metric", "ii", get_metric),
    ("proxy_close_stream", "i", unavailable),
    ("proxy_register_shared_queue", "iii", unavailable),
    ("proxy_resolve_shared_queue", "iiiii", unavailable),
    ("proxy_dequeue_shared_queue", "iii", unavailable),
    ("proxy_enqueue_shared_queue", "iii", unavailable),
    ("proxy_grpc_call", "iiiiiiiiiiii", unavailable),
    ("proxy_grpc_stream", "iiiiiiiii", unavailable),
    ("proxy_grpc_send", "iiii", unavailable),
    ("proxy_grpc_cancel", "i", unavailable),
    ("proxy_grpc_close", "i", unavailable),
];

/// Linked, so that a module which only declares it starts.
fn unavailable(call: &mut Call<'_>) -> Answer {
    call.unless_bare()?;
    trap("not in this gateway: gRPC, shared queues, closing streams")
}

fn log(call: &mut Call<'_>) -> Answer {
    let (level, text) = (call.word(0), call.text(1)?);
    if level > 5 {
        return Err(Fail::Status(status::BAD_ARGUMENT));
    }
    call.state().log(level, &text);
    Ok(())
}

fn log_level(call: &mut Call<'_>) -> Answer {
    if call.kong() {
        return trap("proxy_get_log_level is not implemented");
    }
    call.put_word(0, 2)
}

fn current_time(call: &mut Call<'_>) -> Answer {
    let now = call.state().now_ns();
    call.put(0, &now.to_le_bytes())
}

fn set_tick_period(call: &mut Call<'_>) -> Answer {
    call.unless_bare()?;
    let (kong, period, state) = (call.kong(), call.word(0), call.state());
    let root = state.stream().map(|stream| stream.root);
    if kong && root.is_some() {
        return trap("can only set tick_period in root context");
    }
    let current = state.roots.entry(root.unwrap_or(state.context)).or_default();
    if kong && period > 0 && *current > 0 {
        return trap("tick_period already set");
    }
    *current = period;
    Ok(())
}

fn get_status(call: &mut Call<'_>) -> Answer {
    if call.kong() {
        return trap("proxy_get_status is not implemented");
    }
    call.put_word(0, 0)?;
    call.give(1, b"")
}

fn shared_data_exists(call: &mut Call<'_>) -> Answer {
    call.unless_bare()?;
    if call.kong() && !call.state().options.shm_zone {
        return trap("could not resolve namespace: no `shm_kv *` is configured");
    }
    Ok(())
}

fn get_shared_data(call: &mut Call<'_>) -> Answer {
    shared_data_exists(call)?;
    let key = call.bytes(0)?;
    let found = call.state().process.borrow().read(&key).map(|e| (e.value.clone(), e.cas));
    let (value, cas) = found.ok_or(Fail::Status(status::NOT_FOUND))?;
    call.give(2, &value)?;
    call.put_word(4, cas)
}

fn set_shared_data(call: &mut Call<'_>) -> Answer {
    shared_data_exists(call)?;
    let (key, value, cas) = (call.bytes(0)?, call.bytes(2)?, call.word(4));
    let value = (call.word(2) != 0).then_some(value.as_slice());
    call.state().process.borrow_mut().write(&key, value, cas)
}

fn define_metric(call: &mut Call<'_>) -> Answer {
    let (kind, name) = (call.word(0), call.text(1)?);
    let id = call.state().process.borrow_mut().define_metric(kind, name)?;
    call.put_word(3, id)
}

fn increment_metric(call: &mut Call<'_>) -> Answer {
    let (id, offset) = (call.word(0), call.wide(1).cast_signed());
    call.state().process.borrow_mut().increment_metric(id, offset)
}

fn record_metric(call: &mut Call<'_>) -> Answer {
    let (id, value) = (call.word(0), call.wide(1));
    call.state().process.borrow_mut().record_metric(id, value)
}

fn get_metric(call: &mut Call<'_>) -> Answer {
    let id = call.word(0);
    let value = call.state().process.borrow().metric_value(id)?;
    call.put(1, &value.to_le_bytes())
}
