//! The programs that we know by name, and a digest for all others.

use super::lookup;

/// A client program. Known ones have the constants below; any other is a digest of its name, equal for equal names in
/// any case, so a change of family is seen without knowing either. Codes are stored in sessions: never renumber one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Family(u16);

/// Codes from here on are digests of unknown names.
const HASHED: u16 = 0x8000;

/// Codes from 1 to below this one are browsers.
const FIRST_TOOL: u16 = 64;

macro_rules! families {
    ($($constant:ident = $code:literal, $name:literal;)*) => {
        impl Family {
            $(#[doc = concat!("`", $name, "`")] pub const $constant: Self = Self($code);)*

            /// The name for reports; `other` for programs without a constant.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($code => $name,)*
                    _ => "other",
                }
            }
        }
    };
}

families! {
    CHROME = 1, "chrome";
    EDGE = 2, "edge";
    FIREFOX = 3, "firefox";
    SAFARI = 4, "safari";
    OPERA = 5, "opera";
    SAMSUNG_INTERNET = 6, "samsung_internet";
    INTERNET_EXPLORER = 7, "internet_explorer";
    VIVALDI = 8, "vivaldi";
    YANDEX = 9, "yandex";
    DUCKDUCKGO = 10, "duckduckgo";
    BRAVE = 11, "brave";
    UC_BROWSER = 12, "uc_browser";
    GOOGLE_APP = 13, "google_app";
    WEB_VIEW = 14, "web_view";
    ELECTRON = 15, "electron";

    MOZILLA = 64, "mozilla";
    HEADLESS_CHROME = 65, "headless_chrome";
    CURL = 66, "curl";
    WGET = 67, "wget";
    HTTPIE = 68, "httpie";
    POSTMAN = 69, "postman";
    INSOMNIA = 70, "insomnia";
    PYTHON_REQUESTS = 71, "python_requests";
    PYTHON_HTTPX = 72, "python_httpx";
    PYTHON_URLLIB = 73, "python_urllib";
    AIOHTTP = 74, "aiohttp";
    BOTO = 75, "boto";
    GO_HTTP = 76, "go_http";
    OKHTTP = 77, "okhttp";
    JAVA = 78, "java";
    APACHE_HTTP_CLIENT = 79, "apache_http_client";
    NODE = 80, "node";
    AXIOS = 81, "axios";
    DENO = 82, "deno";
    BUN = 83, "bun";
    RUBY = 84, "ruby";
    PHP = 85, "php";
    RUST = 86, "rust";
    POWERSHELL = 87, "powershell";
    GRPC = 88, "grpc";
    DALVIK = 89, "dalvik";

    TERRAFORM = 128, "terraform";
    KUBECTL = 129, "kubectl";
    KUBE_PROBE = 130, "kube_probe";
    HELM = 131, "helm";
    DOCKER = 132, "docker";
    GIT = 133, "git";
    AWS_CLI = 134, "aws_cli";
    AWS_SDK = 135, "aws_sdk";
    AZURE_CLI = 136, "azure_cli";
    GCLOUD = 137, "gcloud";
    PULUMI = 138, "pulumi";
    ANSIBLE = 139, "ansible";
    GITLAB_RUNNER = 140, "gitlab_runner";

    CLAUDE_CODE = 192, "claude_code";
    CLAUDE_USER = 193, "claude_user";
    ANTHROPIC_SDK = 194, "anthropic_sdk";
    OPENAI_SDK = 195, "openai_sdk";
    OPENAI_MCP = 196, "openai_mcp";
    CHATGPT_USER = 197, "chatgpt_user";
    CURSOR = 198, "cursor";
    MCP_REMOTE = 199, "mcp_remote";
    GPTBOT = 200, "gptbot";
    CLAUDEBOT = 201, "claudebot";
    GOOGLEBOT = 202, "googlebot";
    BINGBOT = 203, "bingbot";
}

impl Family {
    /// The family with this code, as stored by [`Family::code`].
    pub const fn from_code(code: u16) -> Self {
        Self(code)
    }

    /// The number to store.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// Whether the program renders pages for a person: browsers, in-app browsers and desktop apps built on one. Not
    /// headless Chrome, which a program drives.
    pub const fn is_browser(self) -> bool {
        self.0 > 0 && self.0 < FIRST_TOOL
    }

    /// The digest of an unknown name: FNV-1a of its lower-case bytes, folded into the upper half of the range.
    pub(super) fn hashed(name: &[u8]) -> Self {
        let mut hash: u32 = 0x811c_9dc5;
        for byte in name {
            hash = (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193);
        }
        let folded = (hash >> 15 ^ hash) & u32::from(!HASHED);
        Self(HASHED | u16::try_from(folded).unwrap_or_default())
    }
}

/// How much a product says about the program, least first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Counts only in first place or after `compatible;`.
    Nothing,
    /// Everybody says so.
    Mozilla,
    /// The engine: alone, a page inside an app.
    Engine,
    /// The oldest descendant of the engine; most others claim it too.
    Safari,
    /// Chrome, Firefox: what the rest descend from.
    Browser,
    /// Made from one of them.
    Derived,
    /// The word after `compatible;`.
    Named,
    /// The first product, if it is not Mozilla.
    First,
    /// Says what it is wherever it stands.
    Anywhere,
}

/// The family and rank of a product name that we know.
pub(super) fn known(name: &[u8]) -> Option<(Family, Rank)> {
    lookup(PRODUCTS, name).or_else(|| {
        let begins = |(start, _): &&(&str, Family)| {
            name.get(..start.len())
                .is_some_and(|own| own.eq_ignore_ascii_case(start.as_bytes()))
        };
        let row = PREFIXES.iter().find(begins);
        row.map(|(_, family)| (*family, Rank::Nothing))
    })
}

/// Programs with many names that begin alike.
const PREFIXES: &[(&str, Family)] = &[
    ("terraform-provider-", Family::TERRAFORM),
    ("aws-sdk-", Family::AWS_SDK),
    ("grpc-", Family::GRPC),
];

const PRODUCTS: &[(&str, (Family, Rank))] = &[
    ("Mozilla", (Family::MOZILLA, Rank::Mozilla)),
    ("AppleWebKit", (Family::WEB_VIEW, Rank::Engine)),
    ("Safari", (Family::SAFARI, Rank::Safari)),
    ("Chrome", (Family::CHROME, Rank::Browser)),
    ("CriOS", (Family::CHROME, Rank::Browser)),
    ("Firefox", (Family::FIREFOX, Rank::Browser)),
    ("FxiOS", (Family::FIREFOX, Rank::Browser)),
    ("MSIE", (Family::INTERNET_EXPLORER, Rank::Browser)),
    ("Trident", (Family::INTERNET_EXPLORER, Rank::Browser)),
    ("Edg", (Family::EDGE, Rank::Derived)),
    ("EdgA", (Family::EDGE, Rank::Derived)),
    ("EdgiOS", (Family::EDGE, Rank::Derived)),
    ("Edge", (Family::EDGE, Rank::Derived)),
    ("OPR", (Family::OPERA, Rank::Derived)),
    ("OPT", (Family::OPERA, Rank::Derived)),
    ("OPiOS", (Family::OPERA, Rank::Derived)),
    ("Opera", (Family::OPERA, Rank::Derived)),
    ("SamsungBrowser", (Family::SAMSUNG_INTERNET, Rank::Derived)),
    ("Vivaldi", (Family::VIVALDI, Rank::Derived)),
    ("YaBrowser", (Family::YANDEX, Rank::Derived)),
    ("DuckDuckGo", (Family::DUCKDUCKGO, Rank::Derived)),
    ("Ddg", (Family::DUCKDUCKGO, Rank::Derived)),
    ("Brave", (Family::BRAVE, Rank::Derived)),
    ("UCBrowser", (Family::UC_BROWSER, Rank::Derived)),
    ("GSA", (Family::GOOGLE_APP, Rank::Derived)),
    ("Electron", (Family::ELECTRON, Rank::Derived)),
    ("HeadlessChrome", (Family::HEADLESS_CHROME, Rank::Derived)),
    ("WindowsPowerShell", (Family::POWERSHELL, Rank::Derived)),
    ("PowerShell", (Family::POWERSHELL, Rank::Derived)),
    ("curl", (Family::CURL, Rank::Nothing)),
    ("libcurl", (Family::CURL, Rank::Nothing)),
    ("Wget", (Family::WGET, Rank::Nothing)),
    ("HTTPie", (Family::HTTPIE, Rank::Nothing)),
    ("PostmanRuntime", (Family::POSTMAN, Rank::Nothing)),
    ("Postman", (Family::POSTMAN, Rank::Derived)),
    ("insomnia", (Family::INSOMNIA, Rank::Nothing)),
    ("python-requests", (Family::PYTHON_REQUESTS, Rank::Nothing)),
    ("python-httpx", (Family::PYTHON_HTTPX, Rank::Nothing)),
    ("Python-urllib", (Family::PYTHON_URLLIB, Rank::Nothing)),
    ("python-urllib3", (Family::PYTHON_URLLIB, Rank::Nothing)),
    ("aiohttp", (Family::AIOHTTP, Rank::Anywhere)),
    ("Boto3", (Family::BOTO, Rank::Nothing)),
    ("Botocore", (Family::BOTO, Rank::Nothing)),
    ("Go-http-client", (Family::GO_HTTP, Rank::Nothing)),
    ("okhttp", (Family::OKHTTP, Rank::Nothing)),
    ("Java", (Family::JAVA, Rank::Nothing)),
    ("Java-http-client", (Family::JAVA, Rank::Nothing)),
    (
        "Apache-HttpClient",
        (Family::APACHE_HTTP_CLIENT, Rank::Nothing),
    ),
    ("node", (Family::NODE, Rank::Nothing)),
    ("node-fetch", (Family::NODE, Rank::Nothing)),
    ("undici", (Family::NODE, Rank::Nothing)),
    ("axios", (Family::AXIOS, Rank::Nothing)),
    ("Deno", (Family::DENO, Rank::Nothing)),
    ("Bun", (Family::BUN, Rank::Nothing)),
    ("Ruby", (Family::RUBY, Rank::Nothing)),
    ("Faraday", (Family::RUBY, Rank::Nothing)),
    ("GuzzleHttp", (Family::PHP, Rank::Nothing)),
    ("PHP", (Family::PHP, Rank::Nothing)),
    ("reqwest", (Family::RUST, Rank::Nothing)),
    ("ureq", (Family::RUST, Rank::Nothing)),
    ("hyper", (Family::RUST, Rank::Nothing)),
    ("Dalvik", (Family::DALVIK, Rank::Nothing)),
    ("Terraform", (Family::TERRAFORM, Rank::Anywhere)),
    ("kubectl", (Family::KUBECTL, Rank::Nothing)),
    ("kube-probe", (Family::KUBE_PROBE, Rank::Nothing)),
    ("Helm", (Family::HELM, Rank::Nothing)),
    ("docker", (Family::DOCKER, Rank::Nothing)),
    ("git", (Family::GIT, Rank::Nothing)),
    ("aws-cli", (Family::AWS_CLI, Rank::Nothing)),
    ("AZURECLI", (Family::AZURE_CLI, Rank::Nothing)),
    ("google-cloud-sdk", (Family::GCLOUD, Rank::Nothing)),
    ("gcloud", (Family::GCLOUD, Rank::Nothing)),
    ("pulumi", (Family::PULUMI, Rank::Nothing)),
    ("ansible-httpget", (Family::ANSIBLE, Rank::Nothing)),
    ("gitlab-runner", (Family::GITLAB_RUNNER, Rank::Nothing)),
    ("claude-code", (Family::CLAUDE_CODE, Rank::Nothing)),
    ("claude-cli", (Family::CLAUDE_CODE, Rank::Nothing)),
    ("Claude-User", (Family::CLAUDE_USER, Rank::Named)),
    ("Anthropic", (Family::ANTHROPIC_SDK, Rank::Nothing)),
    ("OpenAI", (Family::OPENAI_SDK, Rank::Nothing)),
    ("AsyncOpenAI", (Family::OPENAI_SDK, Rank::Nothing)),
    ("openai-mcp", (Family::OPENAI_MCP, Rank::Nothing)),
    ("ChatGPT-User", (Family::CHATGPT_USER, Rank::Named)),
    ("Cursor", (Family::CURSOR, Rank::Derived)),
    ("mcp-remote", (Family::MCP_REMOTE, Rank::Nothing)),
    ("GPTBot", (Family::GPTBOT, Rank::Named)),
    ("ClaudeBot", (Family::CLAUDEBOT, Rank::Named)),
    ("Googlebot", (Family::GOOGLEBOT, Rank::Named)),
    ("bingbot", (Family::BINGBOT, Rank::Named)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_known_and_unknown_programs_do_not_meet() {
        for (name, (family, _)) in PRODUCTS {
            assert!(family.code() > 0 && family.code() < HASHED, "{name}");
            assert_ne!(family.name(), "other", "{name}");
            assert_eq!(Family::from_code(family.code()), *family);
        }
        assert!(Family::hashed(b"").code() >= HASHED);
    }

    #[test]
    fn a_product_has_one_row() {
        for (at, (name, _)) in PRODUCTS.iter().enumerate() {
            let same = |row: &&(&str, _)| row.0.eq_ignore_ascii_case(name);
            assert_eq!(PRODUCTS.iter().skip(at).filter(same).count(), 1, "{name}");
        }
    }
}
