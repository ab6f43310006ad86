;; The smallest filter that shows what the host does. The first byte of the header `x-do` says what
;; a request is to do; answers are one character long.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $ticks (param i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
  (import "env" "proxy_get_log_level" (func $log_level (param i32) (result i32)))
  (memory (export "memory") 64)
  (global $top (mut i32) (i32.const 65536))
  (global $do (mut i32) (i32.const 0))
  (global $caller (mut i32) (i32.const 0))
  (data (i32.const 100) "x-do")
  (data (i32.const 110) "x-answer")
  (data (i32.const 120) "key")
  (data (i32.const 130) "value")
  (data (i32.const 140) "because")
  (data (i32.const 150) "no")
  (data (i32.const 160) "source\00address")
  (data (i32.const 180) "flag")
  (data (i32.const 190) "requests")
  ;; :method GET, :path /, :authority a, as pairs
  (data (i32.const 200) "\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00:method\00GET\00:path\00/\00:authority\00a\00")
  ;; results: 16 pointer, 20 length, 24 number; 32 the answer
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $top))
    (global.set $top (i32.add (global.get $top) (local.get $size)))
    (local.get $at))
  (func $byte (result i32) (i32.load8_u (i32.load (i32.const 16))))
  (func $answer (param $digit i32)
    (i32.store8 (i32.const 32) (i32.add (i32.const 48) (local.get $digit)))
    (drop (call $replace (i32.const 0) (i32.const 110) (i32.const 8) (i32.const 32) (i32.const 1))))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
  ;; the configuration: `n` is refused, `x` traps, `t` ticks, `T` sets the period twice
  (func (export "proxy_on_configure") (param $id i32) (param $size i32) (result i32)
    (local $c i32)
    (drop (call $buffer (i32.const 7) (i32.const 0) (local.get $size) (i32.const 16) (i32.const 20)))
    (local.set $c (call $byte))
    (if (i32.eq (local.get $c) (i32.const 120)) (then unreachable))
    (if (i32.eq (local.get $c) (i32.const 110)) (then
      (drop (call $log (i32.const 4) (i32.const 140) (i32.const 7)))
      (return (i32.const 0))))
    (if (i32.eq (local.get $c) (i32.const 116)) (then (drop (call $ticks (i32.const 100)))))
    (if (i32.eq (local.get $c) (i32.const 84)) (then
      (drop (call $ticks (i32.const 100)))
      (drop (call $ticks (i32.const 200)))))
    (i32.const 1))
  (func (export "proxy_on_tick") (param i32)
    (drop (call $set (i32.const 180) (i32.const 4) (i32.const 130) (i32.const 5) (i32.const 0))))
  (func (export "proxy_on_request_headers") (param $id i32) (param $n i32) (param $eos i32) (result i32)
    (drop (call $header (i32.const 0) (i32.const 100) (i32.const 4) (i32.const 16) (i32.const 20)))
    (global.set $do (call $byte))
    (if (i32.eq (global.get $do) (i32.const 110)) (then      ;; n: number of pairs
      (drop (call $pairs (i32.const 0) (i32.const 16) (i32.const 20)))
      (call $answer (i32.load (i32.load (i32.const 16))))))
    (if (i32.eq (global.get $do) (i32.const 101)) (then      ;; e: end of stream?
      (call $answer (local.get $eos))))
    (if (i32.eq (global.get $do) (i32.const 119)) (then      ;; w: write, CAS number 0
      (call $answer (call $set (i32.const 120) (i32.const 3) (i32.const 130) (i32.const 5) (i32.const 0)))))
    (if (i32.eq (global.get $do) (i32.const 117)) (then      ;; u: update, the CAS number read
      (i32.store (i32.const 24) (i32.const 0))
      (drop (call $get (i32.const 120) (i32.const 3) (i32.const 16) (i32.const 20) (i32.const 24)))
      (call $answer (call $set (i32.const 120) (i32.const 3) (i32.const 130) (i32.const 5) (i32.load (i32.const 24))))))
    (if (i32.eq (global.get $do) (i32.const 100)) (then      ;; d: delete, the CAS number read
      (drop (call $get (i32.const 120) (i32.const 3) (i32.const 16) (i32.const 20) (i32.const 24)))
      (call $answer (call $set (i32.const 120) (i32.const 3) (i32.const 0) (i32.const 0) (i32.load (i32.const 24))))))
    (if (i32.eq (global.get $do) (i32.const 114)) (then      ;; r: local reply
      (drop (call $reply (i32.const 403) (i32.const 140) (i32.const 7) (i32.const 150) (i32.const 2) (i32.const 0) (i32.const 0) (i32.const -1)))))
    (if (i32.eq (global.get $do) (i32.const 120)) (then unreachable)) ;; x: trap
    (if (i32.eq (global.get $do) (i32.const 108)) (then (loop $for_ever (br $for_ever)))) ;; l: loop
    (if (i32.eq (global.get $do) (i32.const 97)) (then       ;; a: address, its length
      (call $answer (call $property (i32.const 160) (i32.const 14) (i32.const 16) (i32.const 20)))
      (call $answer (i32.load (i32.const 20)))))
    (if (i32.eq (global.get $do) (i32.const 102)) (then      ;; f: filter state
      (call $answer (call $set_property (i32.const 180) (i32.const 4) (i32.const 130) (i32.const 5)))))
    (if (i32.eq (global.get $do) (i32.const 109)) (then      ;; m: metric, defined as gauge
      (drop (call $define (i32.const 1) (i32.const 190) (i32.const 8) (i32.const 24)))
      (call $answer (call $increment (i32.load (i32.const 24)) (i64.const 2)))))
    (if (i32.eq (global.get $do) (i32.const 118)) (then      ;; v: verbosity
      (call $answer (call $log_level (i32.const 24)))))
    (if (i32.eq (global.get $do) (i32.const 104)) (then      ;; h: http call, then wait
      (global.set $caller (local.get $id))
      (call $answer (call $call (i32.const 140) (i32.const 7) (i32.const 200) (i32.const 61) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 50) (i32.const 24)))
      (return (i32.const 1))))
    ;; b: wait for the body, unless there is none; p: pause
    (if (i32.eq (global.get $do) (i32.const 112)) (then (return (i32.const 1))))
    (i32.and (i32.eq (global.get $do) (i32.const 98)) (i32.eqz (local.get $eos))))
  (func (export "proxy_on_request_body") (param $id i32) (param $size i32) (param $eos i32) (result i32)
    (if (i32.ne (global.get $do) (i32.const 98)) (then (return (i32.const 0))))
    (if (i32.eqz (local.get $eos)) (then (return (i32.const 1))))
    (call $answer (local.get $size))
    (i32.const 0))
  (func (export "proxy_on_http_call_response") (param $id i32) (param $token i32) (param $n i32) (param i32 i32)
    (drop (call $effective (global.get $caller)))
    (if (i32.eqz (local.get $n)) (then unreachable))         ;; a broken response traps
    (call $answer (local.get $n))
    (drop (call $continue (i32.const 0))))
  ;; the answer on the way back: can the request's headers still be read?
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (i32.store8 (i32.const 32) (i32.add (i32.const 48)
      (call $header (i32.const 0) (i32.const 100) (i32.const 4) (i32.const 16) (i32.const 20))))
    (drop (call $replace (i32.const 2) (i32.const 110) (i32.const 8) (i32.const 32) (i32.const 1)))
    (i32.const 0))
  (func (export "proxy_on_log") (param i32))
  (func (export "proxy_on_done") (param i32) (result i32) (i32.const 1))
  (func (export "proxy_on_delete") (param i32)))
