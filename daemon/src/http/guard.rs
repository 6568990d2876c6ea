//! Who may ask, and how often. A page of another site must not reach the meter through the visitor's
//! browser: not by name tricks (DNS rebinding), not by posts, not by WebSockets.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, Method, StatusCode, Uri, header};

/// Requests a second, and at once, of one address.
const REQUESTS: Limit = Limit { a_second: 2000.0, at_once: 4000.0 };
/// The same for requests that change something.
const CHANGES: Limit = Limit { a_second: 5.0, at_once: 20.0 };
/// Wrong tokens: for people who mistype, not for programs that guess.
const GUESSES: Limit = Limit { a_second: 2.0, at_once: 20.0 };
/// Addresses that are counted at a time; what has not asked for a minute is forgotten.
const MOST_ADDRESSES: usize = 1024;

/// What is counted of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    /// Any request.
    Request,
    /// One that changes something.
    Change,
    /// One with a wrong token, or none where one is asked for.
    Guess,
}

impl Counted {
    fn limit(self) -> Limit {
        match self {
            Self::Request => REQUESTS,
            Self::Change => CHANGES,
            Self::Guess => GUESSES,
        }
    }
}

/// What is served, to whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Names by which clients may call us, besides addresses of our own.
    pub(crate) hosts: Vec<String>,
    /// What a client must know, if anything.
    pub(crate) token: Option<String>,
}

/// A refusal: what to answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal(pub(super) StatusCode, pub(super) &'static str);

/// What of a request decides.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
}

impl Rules {
    /// Whether the request is answered at all.
    pub(super) fn check(&self, asked: &Asked<'_>, bound: SocketAddr) -> Result<(), Refusal> {
        let text = |name| asked.headers.get(name).and_then(|value| value.to_str().ok());
        let forbidden = |why| Err(Refusal(StatusCode::FORBIDDEN, why));
        let Some(host) = text(header::HOST).or(asked.uri.authority().map(|a| a.as_str())) else {
            return Err(Refusal(StatusCode::BAD_REQUEST, "the request names no host"));
        };
        if !self.is_ours(host, bound) {
            return forbidden("this host name is not ours; see allow_hosts in the configuration");
        }
        if asked.headers.contains_key(header::ORIGIN) {
            let origin = text(header::ORIGIN).and_then(|origin| origin.split_once("://"));
            let same = origin.is_some_and(|(_, from)| from.eq_ignore_ascii_case(host));
            if !same {
                return forbidden("pages of other sites may not ask");
            }
        }
        let site = text(header::HeaderName::from_static("sec-fetch-site"));
        let own = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
        // A link from elsewhere to the page itself is fine; it reads nothing.
        if !own && (asked.method != Method::GET || asked.uri.path().starts_with("/api/")) {
            return forbidden("pages of other sites may not ask");
        }
        if needs_token(asked.uri.path())
            && let Some(token) = &self.token
            && !given_token(asked).is_some_and(|given| same(given.as_bytes(), token.as_bytes()))
        {
            return Err(Refusal(StatusCode::UNAUTHORIZED, "the token is missing or wrong"));
        }
        Ok(())
    }

    /// Whether a client may call us so.
    fn is_ours(&self, host: &str, bound: SocketAddr) -> bool {
        let name = without_port(host);
        if name.eq_ignore_ascii_case("localhost") {
            return true;
        }
        if let Ok(ip) = name.trim_matches(['[', ']']).parse::<IpAddr>() {
            // A number cannot be bent to another address. Bound to one, we are called by it.
            return ip.is_loopback() || bound.ip().is_unspecified() || ip == bound.ip();
        }
        self.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }
}

/// The page itself holds nothing that is secret, and health is for supervisors.
fn needs_token(path: &str) -> bool {
    path.starts_with("/api/") || path == "/metrics"
}

fn given_token<'a>(asked: &Asked<'a>) -> Option<Cow<'a, str>> {
    let header = asked.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(token) = header.and_then(|value| value.strip_prefix("Bearer ")) {
        return Some(token.into());
    }
    // A browser's WebSocket cannot send headers.
    let query = asked.uri.query().unwrap_or_default();
    let token = query.split('&').find_map(|part| part.strip_prefix("token="))?;
    // Of what a token may be made of, forms escape this alone.
    Some(if token.contains('%') { token.replace("%7E", "~").into() } else { token.into() })
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Compares without telling by its time how much is right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// So many a second on average, and so many at once.
#[derive(Debug, Clone, Copy)]
struct Limit {
    a_second: f64,
    at_once: f64,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    filled: Instant,
}

impl Bucket {
    fn fill(&mut self, limit: Limit, now: Instant) {
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.left = (self.left + since * limit.a_second).min(limit.at_once);
        self.filled = now;
    }
}

/// Counts what each address asks.
#[derive(Debug, Default)]
pub(super) struct Rates {
    buckets: Mutex<HashMap<(IpAddr, Counted), Bucket>>,
}

impl Rates {
    /// Whether this address may do so once more; counts it if so.
    pub(super) fn grant(&self, from: IpAddr, what: Counted, now: Instant) -> bool {
        self.ask(from, what, now, 1.0)
    }

    /// Whether this address might do so; counts nothing.
    pub(super) fn might(&self, from: IpAddr, what: Counted, now: Instant) -> bool {
        self.ask(from, what, now, 0.0)
    }

    fn ask(&self, from: IpAddr, what: Counted, now: Instant, takes: f64) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, limit) = ((network(from), what), what.limit());
        if !buckets.contains_key(&key) {
            if takes == 0.0 {
                return true;
            }
            if buckets.len() >= MOST_ADDRESSES {
                // Whoever has not asked for a minute has its full allowance anyway.
                let recent =
                    |b: &Bucket| now.saturating_duration_since(b.filled) < Duration::from_secs(60);
                buckets.retain(|_, bucket| recent(bucket));
            }
            // Those that are known go on; to forget one of them would give it a new allowance.
            if buckets.len() >= MOST_ADDRESSES {
                return false;
            }
        }
        let full = Bucket { left: limit.at_once, filled: now };
        let bucket = buckets.entry(key).or_insert(full);
        bucket.fill(limit, now);
        let granted = bucket.left >= 1.0;
        bucket.left -= if granted { takes } else { 0.0 };
        granted
    }
}

/// What counts as one address: with IPv6 everybody has a whole network of them.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None => IpAddr::from(Ipv6Addr::from(u128::from(v6) >> 64 << 64)),
        },
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        rules: &Rules,
        bound: &str,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let uri: Uri = path.parse().unwrap();
        let asked = Asked { method: &method, uri: &uri, headers: &map };
        match rules.check(&asked, bound.parse().unwrap()) {
            Ok(()) => 200,
            Err(Refusal(status, _)) => status.as_u16(),
        }
    }

    #[test]
    fn only_names_of_ours_are_answered() {
        let rules = Rules { hosts: vec!["studio.lan".into()], token: None };
        for (host, status) in [
            ("127.0.0.1:8730", 200),
            ("localhost:8730", 200),
            ("LOCALHOST", 200),
            ("[::1]:8730", 200),
            ("studio.lan:8730", 200),
            ("evil.example:8730", 403),
            ("127.0.0.1.evil.example", 403),
            ("localhost.evil.example", 403),
            ("192.168.1.9:8730", 403),
            ("", 403),
        ] {
            let got = check(&rules, "127.0.0.1:8730", Method::GET, "/", &[("host", host)]);
            assert_eq!(got, status, "{host}");
        }
        assert_eq!(check(&rules, "127.0.0.1:8730", Method::GET, "/", &[]), 400);
        let lan = [("host", "192.168.1.9:8730")];
        assert_eq!(check(&rules, "192.168.1.9:8730", Method::GET, "/", &lan), 200);
        assert_eq!(check(&rules, "0.0.0.0:8730", Method::GET, "/", &lan), 200);
    }

    #[test]
    fn other_sites_are_refused() {
        let rules = Rules::default();
        let host = ("host", "127.0.0.1:8730");
        let ask = |method, path, name, value| {
            check(&rules, "127.0.0.1:8730", method, path, &[host, (name, value)])
        };
        let own = "http://127.0.0.1:8730";
        assert_eq!(ask(Method::POST, "/api/v1/reset", "origin", own), 200);
        for origin in
            ["http://evil.example", "null", "http://127.0.0.1:80", "http://localhost:8730"]
        {
            for (method, path) in [
                (Method::POST, "/api/v1/reset"),
                (Method::GET, "/api/v1/stream"),
                (Method::GET, "/api/v1/reading"),
            ] {
                assert_eq!(ask(method, path, "origin", origin), 403, "{origin} {path}");
            }
        }
        for site in ["cross-site", "same-site"] {
            assert_eq!(ask(Method::POST, "/api/v1/reset", "sec-fetch-site", site), 403);
            assert_eq!(ask(Method::GET, "/api/v1/reading", "sec-fetch-site", site), 403);
            assert_eq!(ask(Method::GET, "/", "sec-fetch-site", site), 200, "a link is fine");
        }
    }

    #[test]
    fn a_token_is_asked_for_where_there_is_one() {
        let rules = Rules { hosts: vec![], token: Some("secret".into()) };
        let host = ("host", "127.0.0.1:8730");
        let ask = |path, more: &[(&'static str, &str)]| {
            let headers: Vec<_> = std::iter::once(host).chain(more.iter().copied()).collect();
            check(&rules, "127.0.0.1:8730", Method::GET, path, &headers)
        };
        assert_eq!(ask("/api/v1/reading", &[]), 401);
        assert_eq!(ask("/metrics", &[]), 401);
        assert_eq!(ask("/", &[]), 200);
        assert_eq!(ask("/healthz", &[]), 200);
        assert_eq!(ask("/api/v1/reading", &[("authorization", "Bearer secret")]), 200);
        assert_eq!(ask("/api/v1/reading", &[("authorization", "Bearer secre")]), 401);
        assert_eq!(ask("/api/v1/reading", &[("authorization", "Bearer secret2")]), 401);
        assert_eq!(ask("/api/v1/stream?mel=1&token=secret", &[]), 200);
        assert_eq!(ask("/api/v1/stream?token=", &[]), 401);

        // Forms write one of the characters that a token may have in another way.
        let rules = Rules { hosts: vec![], token: Some("a-b.c_d~e".into()) };
        let ask = |path| check(&rules, "127.0.0.1:8730", Method::GET, path, &[host]);
        assert_eq!(ask("/api/v1/stream?token=a-b.c_d~e"), 200);
        assert_eq!(ask("/api/v1/stream?mel=1&token=a-b.c_d%7Ee"), 200);
        assert_eq!(ask("/api/v1/stream?token=a-b.c_d%20e"), 401);
    }

    #[test]
    fn rates_are_limited_and_recover() {
        let (rates, start) = (Rates::default(), Instant::now());
        let ip: IpAddr = "10.0.0.1".parse().unwrap();
        let change = |now| rates.grant(ip, Counted::Change, now);
        assert_eq!((0..100).filter(|_| change(start)).count(), 20);
        assert!(rates.grant(ip, Counted::Request, start), "asking is counted on its own");
        let other = "10.0.0.2".parse().unwrap();
        assert!(rates.grant(other, Counted::Change, start), "so is everyone else");
        let later = start + Duration::from_secs(1);
        assert_eq!((0..100).filter(|_| change(later)).count(), 5);
        assert!(
            !rates.might(ip, Counted::Change, later),
            "to look takes nothing, and gives nothing"
        );
        assert!(rates.might(ip, Counted::Guess, later));
    }

    #[test]
    fn memory_for_addresses_is_bounded_and_known_ones_go_on() {
        let (rates, start) = (Rates::default(), Instant::now());
        let grant = |n: u32, now| rates.grant(IpAddr::from(n.to_be_bytes()), Counted::Request, now);
        let granted = (0..5000).filter(|&n| grant(n, start)).count();
        assert_eq!(granted, MOST_ADDRESSES);
        assert!(grant(0, start), "it was there before");
        assert!(!grant(9999, start));
        assert!(grant(9999, start + Duration::from_secs(61)));
        assert_eq!(rates.buckets.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_network_counts_as_one() {
        let same = |a: &str, b: &str| network(a.parse().unwrap()) == network(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:1"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(!same("10.0.0.1", "10.0.0.2"));
    }
}
