//! What makes two requests the same one: keys, fingerprints, and the answers that are kept for the second.
//!
//! A caller that does not know whether its request was done sends it again under the same idempotency key. [`Key`] says
//! whose key it is, [`request_fingerprint`] tells the same request from another one under a used key, [`Answer`] is what
//! both are told. All of it is pure; `store::idempotency` keeps the answers.
//!
//! The key is the caller's `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header), bare or as the string of RFC
//! 8941 that the draft asks for. The canonical form of a request's JSON is not that of RFC 8785: it has no need to be
//! anybody else's.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::card_number;
use crate::ids::{ReferenceError, check_reference};
use crate::ledger::book::fingerprint;
use crate::ledger::entry::Fingerprint;

/// The longest key that is accepted, in bytes.
pub const KEY_LIMIT: usize = 255;

/// The largest body that an answer may have, in bytes: a megabyte.
pub const BODY_LIMIT: usize = 1 << 20;

/// The version of [`Canonical`] and of [`request_fingerprint`]. A change of either is a new version, and every request
/// that was answered under the old one is another request from then on.
pub const FINGERPRINT_VERSION: u16 = 1;

/// Why something is no idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A part of the scope that no name could be.
    #[error("the {part} of an idempotency key {reason}")]
    Scope {
        /// merchant, environment or operation.
        part: &'static str,
        /// What is wrong with it.
        reason: ReferenceError,
    },
    /// Nothing there.
    #[error("the idempotency key is empty")]
    Empty,
    /// Longer than [`KEY_LIMIT`].
    #[error("the idempotency key is longer than {KEY_LIMIT} characters")]
    TooLong,
    /// A blank, a control character, or one that is not ASCII.
    #[error("character {place} of the idempotency key is not a visible ASCII character")]
    Invisible {
        /// Which one, counted from 1, without quotes.
        place: usize,
    },
    /// Begins like a string of RFC 8941 and is none.
    #[error("the idempotency key begins with a quote and is not a string as RFC 8941 has them")]
    Quotes,
    /// A card number.
    #[error("the idempotency key holds a card number; card numbers are never stored")]
    CardNumber,
}

/// An idempotency key in its scope: the same text of another merchant, in another environment or for another operation is
/// another key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    merchant: String,
    environment: String,
    operation: String,
    key: String,
}

impl Key {
    /// A key of a merchant, as authenticated and never as the request says it; of an environment, like `live`; of an
    /// operation, like `capture`. The key is the header's value, whose quotes are not part of it.
    pub fn new(merchant: &str, environment: &str, operation: &str, header: &str) -> Result<Self, KeyError> {
        for (part, text) in [
            ("merchant", merchant),
            ("environment", environment),
            ("operation", operation),
        ] {
            check_reference(text).map_err(|reason| KeyError::Scope { part, reason })?;
        }
        let key = unquote(header)?;
        check_key(&key)?;
        Ok(Self {
            merchant: merchant.to_owned(),
            environment: environment.to_owned(),
            operation: operation.to_owned(),
            key,
        })
    }

    /// Whose it is.
    pub fn merchant(&self) -> &str {
        &self.merchant
    }

    /// Where it is used.
    pub fn environment(&self) -> &str {
        &self.environment
    }

    /// What it is used for.
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The caller's text.
    pub fn text(&self) -> &str {
        &self.key
    }

    /// 64 bits of SHA-256 over scope and key: the number under which the database holds it for one transaction. Two keys
    /// with one number, should there ever be any, only hold up each other.
    pub fn lock_number(&self) -> i64 {
        let [a, b, c, d, e, f, g, h, ..] = fingerprint(&[
            "idempotency key 1",
            &self.merchant,
            &self.environment,
            &self.operation,
            &self.key,
        ]);
        i64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// A string of RFC 8941 (§3.3.3) without its quotes and backslashes; any other text as it is.
fn unquote(header: &str) -> Result<String, KeyError> {
    let Some(rest) = header.strip_prefix('"') else {
        return Ok(header.to_owned());
    };
    let mut text = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    loop {
        match characters.next() {
            Some('"') if characters.as_str().is_empty() => return Ok(text),
            Some('\\') => match characters.next() {
                Some(escaped @ ('"' | '\\')) => text.push(escaped),
                _ => return Err(KeyError::Quotes),
            },
            Some('"') | None => return Err(KeyError::Quotes),
            Some(character) => text.push(character),
        }
    }
}

fn check_key(key: &str) -> Result<(), KeyError> {
    if key.is_empty() {
        return Err(KeyError::Empty);
    }
    if let Some(before) = key.chars().position(|character| !character.is_ascii_graphic()) {
        return Err(KeyError::Invisible {
            place: before.saturating_add(1),
        });
    }
    if key.len() > KEY_LIMIT {
        return Err(KeyError::TooLong);
    }
    // The digits of a UUID fall as they do: one of ten thousand would look like a card number.
    if card_number::is_in(key) && !is_uuid(key) {
        return Err(KeyError::CardNumber);
    }
    Ok(())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Why a body has no canonical form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body is not JSON as it is read here, at line {line}, column {column}: {reason}")]
pub struct CanonicalError {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    /// What is wrong, without card numbers.
    pub reason: String,
}

/// The JSON of a request in the one form in which everybody would write it: members by name, none that is null, no blanks.
///
/// Numbers are 64-bit integers; with a point or an exponent they are refused, like a name that an object has twice. A null
/// in an array stays, because of those after it. Texts stay as they are, character for character.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Canonical(String);

impl Canonical {
    /// Reads the body of a request; a request without a body has `Canonical::default()`.
    pub fn parse(body: &str) -> Result<Self, CanonicalError> {
        let broken = |error: serde_json::Error| {
            let reason = error.to_string();
            let reason = reason.rsplit_once(" at line ").map_or(&*reason, |(reason, _)| reason);
            CanonicalError {
                line: error.line(),
                column: error.column(),
                reason: card_number::shorten(reason, 200),
            }
        };
        let node: Node = serde_json::from_str(body).map_err(broken)?;
        serde_json::to_string(&node).map(Self).map_err(broken)
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// JSON that is left when nothing is left to choose.
#[derive(Serialize)]
#[serde(untagged)]
enum Node {
    Null,
    Truth(bool),
    Integer(i64),
    Text(String),
    List(Vec<Self>),
    Members(BTreeMap<String, Self>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

const NO_INTEGER: &str = "a number that is not a 64-bit integer";

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Truth(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Node, E> {
        i64::try_from(value)
            .map(Node::Integer)
            .map_err(|_| E::custom(NO_INTEGER))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Node, E> {
        Err(E::custom(NO_INTEGER))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = entries.next_entry::<String, Node>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!("`{name}` is there twice")));
            }
            members.insert(name, value);
        }
        // After the loop: a null is a member too, where names must differ.
        members.retain(|_, value| !matches!(value, Node::Null));
        Ok(Node::Members(members))
    }
}

/// What tells a request from another one: SHA-256 over the version of the caller's way to ask, the method, the template of
/// the route, what stands in the template's places (and in the query, where there is one) by name, and the body.
///
/// `version` is [`FINGERPRINT_VERSION`]. The parameters may come in any order.
pub fn request_fingerprint(
    version: u16,
    method: &str,
    route: &str,
    parameters: &[(&str, &str)],
    body: &Canonical,
) -> Fingerprint {
    let mut parameters = parameters.to_vec();
    parameters.sort_unstable();
    let (version, count) = (version.to_string(), parameters.len().to_string());
    let mut fields = vec!["request", &version, method, route, &count];
    fields.extend(parameters.iter().flat_map(|(name, value)| [*name, *value]));
    fields.push(body.as_str());
    fingerprint(&fields)
}

/// Why something is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// A status that work does not end with.
    #[error("status {0} is not that of an answer: 200 to 299 or 400 to 599")]
    Status(u16),
    /// More than [`BODY_LIMIT`].
    #[error("an answer of {0} bytes is larger than {BODY_LIMIT}")]
    TooLarge(usize),
    /// A body that JSON cannot say.
    #[error("the body of an answer cannot be written as JSON: {0}")]
    Unwritable(String),
}

/// What a request is answered: a status of HTTP and a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    /// An answer in JSON. Card numbers in its texts are masked, now and not later, so that the second answer is the first
    /// to the byte.
    pub fn new(status: u16, body: &impl Serialize) -> Result<Self, AnswerError> {
        if !matches!(status, 200..=299 | 400..=599) {
            return Err(AnswerError::Status(status));
        }
        let unwritable = |error: serde_json::Error| AnswerError::Unwritable(error.to_string());
        let body = serde_json::to_value(body).map_err(unwritable)?;
        let body = serde_json::to_string(&masked(body)).map_err(unwritable)?;
        if body.len() > BODY_LIMIT {
            return Err(AnswerError::TooLarge(body.len()));
        }
        Ok(Self { status, body })
    }

    /// An answer that was kept.
    pub(crate) fn kept(status: u16, body: String) -> Self {
        Self { status, body }
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The body, JSON.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Whether it is kept for the next request under its key: a success, or a refusal that the work itself decided. Not
    /// kept is what depends on something else than the request: 400, 401, 403, 404, 409, 422, 429, and every 5xx.
    pub fn is_kept(&self) -> bool {
        match self.status {
            400 | 401 | 403 | 404 | 409 | 422 | 429 => false,
            status => matches!(status, 200..=299 | 400..=499),
        }
    }
}

fn masked(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(card_number::mask(&text).into_owned()),
        Value::Array(items) => items.into_iter().map(masked).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, masked(value))).collect(),
        scalar @ (Value::Null | Value::Bool(_) | Value::Number(_)) => scalar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_header(header: &str, expected: Result<&str, KeyError>) {
        let key = Key::new("m", "live", "capture", header);
        assert_eq!(
            key.as_ref().map(Key::text).map_err(|error| *error),
            expected,
            "{header:?}"
        );
    }

    #[test]
    fn quotes_are_not_part_of_a_key() {
        let uuid = "8e03978e-40d5-43dd-bc93-6894a57f9324";
        check_header(uuid, Ok(uuid));
        check_header(&format!("\"{uuid}\""), Ok(uuid));
        check_header(r#""a\"b\\c""#, Ok(r#"a"b\c"#));
        check_header(r#"a"b\c"#, Ok(r#"a"b\c"#));
        check_header(r#"a""#, Ok(r#"a""#));
        for broken in [
            r#"""#,
            r#""a"#,
            r#""a\""#,
            r#""a\b""#,
            r#""a"b"#,
            r#""a";p=1"#,
            r#""a\"#,
        ] {
            check_header(broken, Err(KeyError::Quotes));
        }
        check_header(r#""""#, Err(KeyError::Empty));
        check_header(r#""a b""#, Err(KeyError::Invisible { place: 2 }));
    }

    #[test]
    fn a_key_is_visible_ascii_and_no_card_number() {
        check_header("!", Ok("!"));
        check_header("~", Ok("~"));
        check_header(&"k".repeat(255), Ok(&"k".repeat(255)));
        check_header(&format!("\"{}\"", "k".repeat(255)), Ok(&"k".repeat(255)));
        check_header(&"k".repeat(256), Err(KeyError::TooLong));
        check_header("", Err(KeyError::Empty));
        for (text, place) in [(" k", 1), ("k ", 2), ("a b", 2), ("a\tb", 2), ("k\u{7f}", 2), ("키", 1)] {
            check_header(text, Err(KeyError::Invisible { place }));
        }
        check_header("order-4111-1111-1111-1111", Err(KeyError::CardNumber));
        // Of a shape that the finder takes for one.
        let digits = "abcdef00-4111-1111-1111-1111abcdefab";
        assert!(card_number::is_in(digits));
        check_header(digits, Ok(digits));
    }

    #[test]
    fn a_scope_has_three_names() {
        let part = |merchant: &str, environment: &str, operation: &str| match Key::new(
            merchant,
            environment,
            operation,
            "k",
        ) {
            Err(KeyError::Scope { part, .. }) => part,
            other => panic!("{other:?}"),
        };
        assert_eq!(part("", "live", "capture"), "merchant");
        assert_eq!(part("m", " live", "capture"), "environment");
        assert_eq!(part("m", "live", &"x".repeat(129)), "operation");
    }

    #[test]
    fn each_part_of_a_scope_counts_for_the_lock() {
        let number = |merchant: &str, environment: &str, operation: &str, key: &str| {
            Key::new(merchant, environment, operation, key)
                .expect("a key")
                .lock_number()
        };
        let all = [
            number("m", "live", "capture", "k"),
            number("n", "live", "capture", "k"),
            number("m", "test", "capture", "k"),
            number("m", "live", "refund", "k"),
            number("m", "live", "capture", "l"),
            // The same characters, cut elsewhere.
            number("ml", "ive", "capture", "k"),
        ];
        let different: std::collections::BTreeSet<i64> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
        // Programs of two versions must hold each other off, so this never changes. Computed by a program of its own.
        assert_eq!(number("m", "live", "capture", "k"), LOCK_NUMBER);
    }

    const LOCK_NUMBER: i64 = 7_812_714_832_288_747_784;

    #[track_caller]
    fn check_body(body: &str, expected: Result<&str, &str>) {
        match (Canonical::parse(body), expected) {
            (Ok(canonical), Ok(expected)) => {
                assert_eq!(canonical.as_str(), expected);
                assert_eq!(Canonical::parse(expected), Ok(canonical), "canonical is canonical");
            }
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{error}"),
            (found, expected) => panic!("{body}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn a_canonical_body_leaves_nothing_to_choose() {
        check_body(
            " { \"b\" : 1 ,\n \"a\" : [ true , \"x\" ] } ",
            Ok(r#"{"a":[true,"x"],"b":1}"#),
        );
        check_body(r#"{"a":null,"b":{"c":null}}"#, Ok(r#"{"b":{}}"#));
        check_body("[null,1]", Ok("[null,1]"));
        check_body("null", Ok("null"));
        check_body(r#"{"\u0061":"\u00fc\n\/"}"#, Ok("{\"a\":\"ü\\n/\"}"));
        check_body(r#"{"A":1,"a":2,"_":3}"#, Ok(r#"{"A":1,"_":3,"a":2}"#));
        check_body(
            "[9223372036854775807,-9223372036854775808]",
            Ok("[9223372036854775807,-9223372036854775808]"),
        );
        // Text is text: what looks the same need not be.
        check_body("[\"e\u{301}\",\"1.0\"]", Ok("[\"e\u{301}\",\"1.0\"]"));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for number in [
            "1.0",
            "1e3",
            "-0",
            "0.1",
            "9223372036854775808",
            "-9223372036854775809",
            "1e400",
        ] {
            check_body(&format!("{{\"amount\":{number}}}"), Err("column"));
        }
        check_body(
            r#"{"amount":1.0}"#,
            Err("line 1, column 13: a number that is not a 64-bit integer"),
        );
        check_body(r#"{"a":1,"a":1}"#, Err("`a` is there twice"));
        check_body(r#"{"a":null,"a":1}"#, Err("`a` is there twice"));
        check_body(
            r#"{"4111111111111111":1,"4111111111111111":1}"#,
            Err("`411111******1111` is"),
        );
        for broken in [
            "",
            "{",
            "{}{}",
            "{'a':1}",
            "{a:1}",
            "[1,]",
            "NaN",
            "01",
            "\"\\ud800\"",
            "\u{feff}{}",
        ] {
            check_body(broken, Err("not JSON"));
        }
        check_body(&"[".repeat(10_000), Err("recursion limit"));
    }

    /// The fingerprint of a capture, with something changed.
    fn capture(change: impl FnOnce(&mut (u16, &str, &str, Vec<(&str, &str)>, &str))) -> Fingerprint {
        let mut request = (
            FINGERPRINT_VERSION,
            "POST",
            "/payments/{payment}/captures",
            vec![("payment", "p-1")],
            r#"{"amount":100}"#,
        );
        change(&mut request);
        let (version, method, route, parameters, body) = request;
        let body = Canonical::parse(body).expect("a body");
        request_fingerprint(version, method, route, &parameters, &body)
    }

    #[test]
    fn a_fingerprint_is_that_of_one_request() {
        let same = capture(|_| {});
        // Kept answers outlive a version of the program. Computed by a program of its own.
        assert_eq!(same[..8], [0xa6, 0x1e, 0x79, 0x37, 0x95, 0x25, 0x37, 0x0f]);
        assert_eq!(
            capture(|request| request.4 = "{ \"note\": null, \"amount\": 100 }"),
            same
        );
        let others = [
            capture(|request| request.0 = 2),
            capture(|request| request.1 = "PUT"),
            capture(|request| request.2 = "/payments/{payment}/refunds"),
            capture(|request| request.3 = vec![("payment", "p-2")]),
            capture(|request| request.3 = vec![]),
            capture(|request| request.3 = vec![("payment", "p-1"), ("payment", "p-1")]),
            capture(|request| request.4 = r#"{"amount":101}"#),
            capture(|request| request.4 = r#"{"amount":"100"}"#),
            capture(|request| request.4 = "{}"),
        ];
        for other in &others {
            assert_eq!(others.iter().filter(|one| *one == other).count(), 1);
            assert_ne!(*other, same);
        }
        let both = |parameters| capture(|request| request.3 = parameters);
        assert_eq!(
            both(vec![("a", "1"), ("b", "2")]),
            both(vec![("b", "2"), ("a", "1")]),
            "in any order"
        );
    }

    #[test]
    fn a_success_or_a_refusal_of_the_work_is_kept() {
        let kept: Vec<u16> = (0..=999)
            .filter(|status| Answer::new(*status, &()).is_ok_and(|answer| answer.is_kept()))
            .collect();
        let expected: Vec<u16> = (200..300)
            .chain([402])
            .chain(405..=408)
            .chain(410..=421)
            .chain(423..=428)
            .chain(430..500)
            .collect();
        assert_eq!(kept, expected);
        for status in [0, 100, 199, 300, 304, 399, 600, u16::MAX] {
            assert_eq!(Answer::new(status, &()), Err(AnswerError::Status(status)));
        }
    }

    #[test]
    fn an_answer_holds_no_card_number() {
        let body = serde_json::json!({"note": ["card 4111111111111111"], "amount": 100});
        let answer = Answer::new(201, &body).expect("an answer");
        assert_eq!(answer.body(), r#"{"amount":100,"note":["card 411111******1111"]}"#);
    }

    #[test]
    fn an_answer_has_a_size() {
        let of = |bytes: usize| Answer::new(200, &"x".repeat(bytes.saturating_sub(2)));
        assert_eq!(of(BODY_LIMIT).expect("an answer").body().len(), BODY_LIMIT);
        assert_eq!(of(BODY_LIMIT + 1), Err(AnswerError::TooLarge(BODY_LIMIT + 1)));
    }
}
