//! Routes: which template a path belongs to, what tier and access that means, and what object it names.
//! Templates are matched by the `matchit` radix router; tool names of agents are in `agent.rs`.

use crate::{
    bounds::PATH_BYTES,
    facts::{Access, Tier},
};
use std::borrow::Cow;

/// One route as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method it is limited to.
    pub method: Option<String>,
    /// Template: `/v1/users/{id}/export`, `/admin/**` (everything below, and `/admin` itself).
    pub template: String,
    /// Tier of what it touches.
    pub tier: Tier,
    /// What it does; by the method when not stated.
    pub access: Option<Access>,
    /// Requests to it are MCP calls.
    pub mcp: bool,
}

/// What a path turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched<'a> {
    /// Index of the route.
    pub index: u16,
    /// The values of the template's parameters, in order: what object is meant.
    pub parameters: Vec<Cow<'a, str>>,
}

/// All routes, compiled.
#[derive(Clone, Default)]
pub struct Routes {
    routes: Vec<Route>,
    /// What most templates begin with.
    prefix: Vec<String>,
    /// By method; the one without is for methods that no route names.
    routers: Vec<(Option<String>, matchit::Router<u16>)>,
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.routes).finish()
    }
}

/// A template that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteError {
    /// Index of the route.
    pub index: usize,
    /// What is wrong with it.
    pub message: String,
}

impl Routes {
    /// Compiles routes; every template that cannot be used is reported.
    ///
    /// # Errors
    /// One [`RouteError`] a bad template: not beginning with `/`, nothing that a path is ever compared as, a broken parameter, `**` not at the end, or the same
    /// method and template twice.
    pub fn compile(routes: Vec<Route>) -> Result<Self, Vec<RouteError>> {
        let mut errors = Vec::new();
        let mut by_pattern: Vec<(String, Vec<u16>)> = Vec::new();
        for (index, route) in routes.iter().enumerate() {
            let number = u16::try_from(index).unwrap_or(u16::MAX);
            match patterns(&route.template) {
                Err(message) => errors.push(RouteError { index, message }),
                Ok(patterns) => {
                    for pattern in patterns {
                        match by_pattern.iter_mut().find(|(known, _)| *known == pattern) {
                            Some((_, numbers)) => numbers.push(number),
                            None => by_pattern.push((pattern, vec![number])),
                        }
                    }
                }
            }
        }
        // One router a method, each with the routes of any method too: a path that a method's own templates do not cover
        // falls back to the widest that is open to it.
        let of_method = |number: u16| routes.get(usize::from(number)).and_then(|route| route.method.clone());
        let mut methods: Vec<Option<String>> = vec![None];
        for route in &routes {
            if !methods.contains(&route.method) {
                methods.push(route.method.clone());
            }
        }
        let mut routers = Vec::new();
        for method in methods {
            let mut router = matchit::Router::new();
            for (pattern, numbers) in &by_pattern {
                let mut own = numbers.iter().copied().filter(|number| of_method(*number) == method);
                let mut any = numbers.iter().copied().filter(|number| of_method(*number).is_none());
                let number = own.next();
                for again in own {
                    let message = "the same method and path as an earlier route".to_owned();
                    errors.push(RouteError { index: usize::from(again), message });
                }
                if let Some(number) = number.or_else(|| any.next())
                    && let Err(error) = router.insert(pattern.clone(), number)
                    && !errors.iter().any(|known| known.index == usize::from(number))
                {
                    let message = format!("cannot be told apart from another: {error}");
                    errors.push(RouteError { index: usize::from(number), message });
                }
            }
            routers.push((method, router));
        }
        let prefix = common_prefix(&routes.iter().map(|route| route.template.as_str()).collect::<Vec<_>>());
        if errors.is_empty() { Ok(Self { routes, prefix, routers }) } else { Err(errors) }
    }

    /// The collection that a path or template belongs to: its first segment behind what most templates begin with, or
    /// behind `api`, `rest` and versions. `/api/v1/orders/{id}/items` and `/api/v1/orders/search` are `orders`.
    pub fn collection<'p>(&self, path: &'p [u8]) -> &'p [u8] {
        let mut all = segments(path);
        let mut behind = segments(path).skip(self.prefix.len());
        let common = self.prefix.iter().all(|word| all.next() == Some(word.as_bytes()));
        let is_version = |segment: &[u8]| match segment {
            [b'v', rest @ ..] => !rest.is_empty() && rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.'),
            _ => false,
        };
        let says_something = |segment: &&[u8]| !matches!(*segment, b"api" | b"rest") && !is_version(segment);
        let found = if common { behind.find(says_something) } else { segments(path).find(says_something) };
        found.unwrap_or_default()
    }

    /// The route of this number.
    pub fn route(&self, index: u16) -> Option<&Route> {
        self.routes.get(usize::from(index))
    }

    /// All routes, in the order of the configuration.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter()
    }

    /// The route of a request; one that names the method wins over one that does not. `path` may have a query.
    pub fn find<'a>(&self, method: &[u8], path: &'a [u8]) -> Option<Matched<'a>> {
        let path = normal(path)?;
        let of = |wanted: Option<&[u8]>| {
            self.routers
                .iter()
                .find(|(method, _)| method.as_ref().map(String::as_bytes) == wanted)
                .map(|(_, router)| router)
        };
        let router = of(Some(method)).or_else(|| of(None))?;
        let (index, parameters) = match &path {
            Cow::Borrowed(path) => {
                let found = router.at(path).ok()?;
                (*found.value, found.params.iter().map(|(_, value)| Cow::Borrowed(value)).collect())
            }
            Cow::Owned(path) => {
                let found = router.at(path).ok()?;
                (*found.value, found.params.iter().map(|(_, value)| Cow::Owned(value.to_owned())).collect())
            }
        };
        Some(Matched { index, parameters })
    }
}

/// What a method does when no route says otherwise (RFC 9110 section 9.2.1: safe methods).
pub fn access_of_method(method: &[u8]) -> Access {
    if matches!(method, b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE") { Access::Read } else { Access::Write }
}

/// Whether a template is written as paths are when they are compared.
fn comparable(template: &str) -> bool {
    let plain = !template.contains(['?', '#', '%', ';', '\\']);
    let segment = |segment: &str| !matches!(segment, "" | "." | "..");
    plain && (template == "/" || template.split('/').skip(1).all(segment))
}

/// The router's patterns for a template. Parameters are numbered, since their names do not matter to a match.
fn patterns(template: &str) -> Result<Vec<String>, String> {
    let Some(rest) = template.strip_prefix('/') else { return Err("expected a path that begins with `/`".to_owned()) };
    if !comparable(template) {
        let message = "matches nothing: paths are compared decoded, without query, and without empty, `.` and `..` \
                       segments or a `/` at the end";
        return Err(message.to_owned());
    }
    let mut pattern = String::new();
    let mut segments = rest.split('/').enumerate().peekable();
    while let Some((number, segment)) = segments.next() {
        match segment {
            "**" if segments.peek().is_some() => return Err("`**` stands only at the end".to_owned()),
            "**" => {
                let below = format!("{pattern}/{{*rest}}");
                let itself = if pattern.is_empty() { "/".to_owned() } else { pattern };
                return Ok(vec![itself, below]);
            }
            "*" => pattern.push_str(&format!("/{{p{number}}}")),
            _ if segment.starts_with('{') && segment.ends_with('}') => {
                pattern.push_str(&format!("/{{p{number}}}"));
            }
            _ if segment.contains(['{', '}', '*']) => {
                return Err(format!("a parameter is a whole segment such as `{{id}}`, found `{segment}`"));
            }
            _ => {
                pattern.push('/');
                pattern.push_str(segment);
            }
        }
    }
    Ok(vec![pattern])
}

/// The segments of a path, without query and fragment.
fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = path.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(path.len());
    path.get(..end).unwrap_or(path).split(|byte| *byte == b'/').filter(|segment| !segment.is_empty())
}

/// The segments that most templates begin with, such as `api` and `v1`: they say where the interface is, not what is
/// touched. As long as more than half of all templates go on with the same word, and behind it with another.
fn common_prefix(templates: &[&str]) -> Vec<String> {
    let mut prefix: Vec<String> = Vec::new();
    let mut left: Vec<Vec<&[u8]>> = templates.iter().map(|template| segments(template.as_bytes()).collect()).collect();
    while let Some(word) = left.iter().find_map(|own| {
        let word = own.get(prefix.len())?;
        let same = left.iter().filter(|other| other.get(prefix.len()) == Some(word)).count();
        (same.saturating_mul(2) > templates.len() && same > 1).then(|| word.to_vec())
    }) {
        let at = prefix.len();
        left.retain(|own| own.get(at).is_some_and(|own| *own == word.as_slice()));
        // Behind it there must be another word in every one, not an object: else it is a collection itself.
        let next = at.saturating_add(1);
        if !left.iter().all(|own| own.get(next).is_some_and(|word| !word.starts_with(b"{"))) {
            break;
        }
        prefix.push(String::from_utf8_lossy(&word).into_owned());
    }
    prefix
}

/// The path without query and fragment, as the upstream is likely to read it: `/a/./b`, `/a//b`, `/%61/b`, `/a;x/b` and
/// `/a/b/` must not be another route than `/a/b`. Borrowed when it is written plainly. `None` when it is no text or too
/// long.
fn normal(path: &[u8]) -> Option<Cow<'_, str>> {
    let end = path.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(path.len());
    let path = path.get(..end).filter(|path| path.len() <= PATH_BYTES)?;
    let text = std::str::from_utf8(path).ok()?;
    // In one pass by hand: searching a text for two letters sets up a machine for long ones.
    let mut last = 0;
    let mut plain = text.len() == 1 || !text.ends_with('/');
    for byte in path {
        plain &= !matches!((last, *byte), (_, b'%' | b';' | b'\\') | (b'/', b'/' | b'.'));
        last = *byte;
    }
    if plain { Some(Cow::Borrowed(text)) } else { Some(Cow::Owned(rewritten(path)?)) }
}

fn rewritten(path: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        let escaped = match (byte, tail) {
            (b'%', [high, low, after @ ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| (high << 4 | low, after)),
            _ => None,
        };
        match escaped {
            Some((value, after)) => {
                rest = after;
                decoded.push(value);
            }
            None => decoded.push(if *byte == b'\\' { b'/' } else { *byte }),
        }
    }
    let decoded = String::from_utf8(decoded).ok()?;
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split('/') {
        let segment = segment.split(';').next().unwrap_or(segment);
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    Some(format!("/{}", segments.join("/")))
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn route(method: Option<&str>, template: &str) -> Route {
        let (method, template) = (method.map(str::to_owned), template.to_owned());
        Route { method, template, tier: Tier::Standard, access: None, mcp: false }
    }

    fn routes(templates: &[(Option<&str>, &str)]) -> Routes {
        Routes::compile(templates.iter().map(|(method, template)| route(*method, template)).collect()).unwrap()
    }

    #[test]
    fn the_most_specific_template_and_method_win() {
        let routes = routes(&[
            (None, "/v1/orders/{id}"),
            (Some("GET"), "/v1/orders/search"),
            (Some("DELETE"), "/v1/orders/{order}"),
            (None, "/v1/orders/{id}/items"),
            (None, "/admin/**"),
        ]);
        let index = |method: &str, path: &str| {
            routes.find(method.as_bytes(), path.as_bytes()).map(|found| (found.index, found.parameters.join(",")))
        };
        assert_eq!(index("GET", "/v1/orders/7?x=1"), Some((0, "7".to_owned())));
        assert_eq!(index("DELETE", "/v1/orders/7"), Some((2, "7".to_owned())));
        assert_eq!(index("GET", "/v1/orders/search"), Some((1, String::new())));
        assert_eq!(index("GET", "/v1/orders/7/items"), Some((3, "7".to_owned())));
        assert_eq!(index("GET", "/admin"), Some((4, String::new())));
        assert_eq!(index("PUT", "/admin/a/b"), Some((4, "a/b".to_owned())));
        assert_eq!(index("GET", "/v2"), None);
    }

    #[test]
    fn a_method_without_a_template_of_its_own_falls_back_to_a_wider_one() {
        let routes = routes(&[(Some("GET"), "/admin/health"), (None, "/admin/**")]);
        let index = |method: &str| routes.find(method.as_bytes(), b"/admin/health").map(|found| found.index);
        assert_eq!(index("GET"), Some(0));
        assert_eq!(index("POST"), Some(1));
    }

    #[test]
    fn a_path_in_disguise_is_the_same_route() {
        let routes = routes(&[(None, "/admin/users"), (None, "/{other}")]);
        for path in ["/admin/users/", "//admin//users", "/%61dmin/users", "/x/../admin/./users", "/admin;v=1/users"] {
            assert_eq!(routes.find(b"GET", path.as_bytes()).unwrap().index, 0, "{path}");
        }
        assert_eq!(routes.find(b"GET", b"/admin/\xff"), None);
    }

    #[test]
    fn a_collection_is_the_first_word_that_says_something() {
        let plain = Routes::default();
        let of = |routes: &Routes, path: &str| String::from_utf8(routes.collection(path.as_bytes()).to_vec()).unwrap();
        for path in ["/api/v1/orders/{id}/items", "/v2/orders?x=/y", "/orders", "//rest/orders/", "/v1.1/orders#a"] {
            assert_eq!(of(&plain, path), "orders", "{path}");
        }
        for (path, collection) in [("/vendors/7", "vendors"), ("/v", "v"), ("/api/v1", ""), ("", "")] {
            assert_eq!(of(&plain, path), collection, "{path}");
        }
    }

    #[test]
    fn what_most_templates_begin_with_is_no_collection() {
        let templates =
            ["/shop/eu/orders", "/shop/eu/orders/{id}", "/shop/eu/customers/{id}", "/shop/eu/bills", "/login"];
        let routes = routes(&templates.map(|template| (None, template)));
        let of = |path: &str| String::from_utf8(routes.collection(path.as_bytes()).to_vec()).unwrap();
        assert_eq!(of("/shop/eu/orders/7/items"), "orders");
        assert_eq!(of("/shop/eu/customers"), "customers");
        assert_eq!(of("/login/step"), "login");
        assert_eq!(of("/shop/us/orders"), "shop", "not where most of it is");
        assert_eq!(of("/shop/eu"), "");
    }

    #[test]
    fn one_collection_alone_is_one() {
        for last in ["/v1/orders", "/v1/orders/{id}/notes"] {
            let routes = routes(&[(None, "/v1/orders/{id}"), (None, "/v1/orders/{id}/items"), (None, last)]);
            assert_eq!(routes.collection(b"/v1/orders/7"), b"orders");
        }
    }

    #[test]
    fn every_bad_template_is_reported() {
        let bad = ["no-slash", "/a/x{id}", "/**/b", "/fine", "/fine"];
        let errors = Routes::compile(bad.iter().map(|template| route(None, template)).collect()).unwrap_err();
        assert_eq!(errors.iter().map(|error| error.index).collect::<Vec<_>>(), [0, 1, 2, 4]);
    }
}
