//! Modules in WebAssembly's text format to compare with: they make host calls and do nothing else.
//! The host is given memory from one place again and again, which costs less than any allocator.

/// What a module takes of the host: a call's name and its number of parameters, all of 32 bits.
const IMPORTS: [(&str, usize); 6] = [
    ("proxy_get_header_map_value", 5),
    ("proxy_get_property", 4),
    ("proxy_get_shared_data", 5),
    ("proxy_set_shared_data", 5),
    ("proxy_replace_header_map_value", 5),
    ("proxy_get_current_time_nanoseconds", 1),
];

/// The callbacks that every module needs, with their parameters and what they give.
const ALWAYS: [(&str, usize, &str); 3] =
    [("proxy_on_context_create", 2, ""), ("proxy_on_vm_start", 2, "1"), ("proxy_on_configure", 2, "1")];

/// Those that the SDK exports for a request, whether anything is done in them or not.
const MORE: [(&str, usize, &str); 7] = [
    ("proxy_on_request_body", 3, "0"),
    ("proxy_on_request_trailers", 2, "0"),
    ("proxy_on_response_body", 3, "0"),
    ("proxy_on_response_trailers", 2, "0"),
    ("proxy_on_log", 1, ""),
    ("proxy_on_done", 1, "1"),
    ("proxy_on_delete", 1, ""),
];

/// A module that does nothing, with the SDK's callbacks or with the least that a host needs.
pub(crate) fn empty(every_callback: bool) -> String {
    let mut module = Module::default();
    module.callback(("proxy_on_request_headers", 3, "0"), "");
    if every_callback {
        MORE.iter().for_each(|callback| module.callback(*callback, ""));
        module.callback(("proxy_on_response_headers", 3, "0"), "");
    }
    module.text()
}

/// What a first version of such a filter asks for: ten headers one by one, the address, one shared-data value for the
/// session, six headers of its own, and the status of the answer. It computes nothing.
pub(crate) fn naive() -> String {
    const READ: [&str; 10] = [
        ":path",
        ":method",
        "user-agent",
        "x-geo-asn",
        "x-geo-country",
        "x-geo-latitude",
        "x-geo-longitude",
        "x-ja4",
        "x-jwt-payload",
        "x-forwarded-for",
    ];
    const WRITTEN: [&str; 6] = ["score", "level", "action", "reasons", "session", "version"];
    let mut module = Module::default();
    let out = "(i32.const 16) (i32.const 20)";
    let mut request = String::new();
    for name in READ {
        let name = module.data(name);
        request += &format!("(drop (call $proxy_get_header_map_value (i32.const 0) {name} {out}))\n");
    }
    let address = module.data("source\\00address");
    request += &format!("(drop (call $proxy_get_property {address} {out}))\n");
    request += "(drop (call $proxy_get_current_time_nanoseconds (i32.const 24)))\n";
    let session = module.data("session/5678");
    request += &format!("(drop (call $proxy_get_shared_data {session} {out} (i32.const 32)))\n");
    request += &format!(
        "(drop (call $proxy_set_shared_data {session} (i32.const 131072) (i32.const 272) (i32.load (i32.const 32))))\n"
    );
    let value = module.data("low");
    for name in WRITTEN {
        let name = module.data(&format!("x-naive-{name}"));
        request += &format!("(drop (call $proxy_replace_header_map_value (i32.const 0) {name} {value}))\n");
    }
    let status = module.data(":status");
    let response = format!("(drop (call $proxy_get_header_map_value (i32.const 2) {status} {out}))\n");
    module.callback(("proxy_on_request_headers", 3, "0"), &request);
    module.callback(("proxy_on_response_headers", 3, "0"), &response);
    MORE.iter().for_each(|callback| module.callback(*callback, ""));
    module.text()
}

#[derive(Default)]
struct Module {
    data: String,
    /// Where the next text goes; the first page is for results.
    next: usize,
    functions: String,
}

impl Module {
    /// Puts a text into memory; gives its place and length as operands. `\\00` in it is one byte.
    fn data(&mut self, text: &str) -> String {
        let (at, length) = (1024 + self.next, text.replace("\\00", ".").len());
        self.next += length;
        self.data += &format!("(data (i32.const {at}) \"{text}\")\n");
        format!("(i32.const {at}) (i32.const {length})")
    }

    fn callback(&mut self, (name, parameters, gives): (&str, usize, &str), body: &str) {
        let takes = " i32".repeat(parameters);
        let (result, last) = match gives {
            "" => ("", String::new()),
            number => ("(result i32)", format!("(i32.const {number})")),
        };
        self.functions += &format!("(func (export \"{name}\") (param{takes}) {result}\n{body}{last})\n");
    }

    fn text(mut self) -> String {
        ALWAYS.iter().for_each(|callback| self.callback(*callback, ""));
        let imports: String = IMPORTS
            .iter()
            .map(|(name, parameters)| {
                let takes = " i32".repeat(*parameters);
                format!("(import \"env\" \"{name}\" (func ${name} (param{takes}) (result i32)))\n")
            })
            .collect();
        format!(
            "(module {imports}(memory (export \"memory\") 16)\n(func (export \"proxy_abi_version_0_2_1\"))\n\
             (func (export \"proxy_on_memory_allocate\") (param i32) (result i32) (i32.const 65536))\n{}{})",
            self.data, self.functions
        )
    }
}
