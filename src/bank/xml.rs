//! XML as far as bank statements are made of it: elements of one namespace, texts, and the attribute `Ccy`.
//!
//! [`Walker`] goes through a document as it comes: from child to child of the elements that may be as large as they like, and by
//! whole [`Node`]s below those that may not. On the way it holds what makes XML dangerous at arm's length: a document type, and
//! with it every entity but the five predefined, is refused; tags, texts, depth and attributes have limits, which are counted on
//! the bytes as they come; an element that is never closed, or closed by another name, ends the file.
//!
//! Elements of other namespaces (as in SplmtryData) are passed over, with all that is in them.

use std::io::{self, BufRead, Read};

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

use super::text::{self, Wrong, short};
use crate::delimited::{FILE_LIMIT, FileError};

/// The longest tag or run of text, in bytes.
const EVENT_LIMIT: u64 = 64 * 1024;
/// The most bytes of an element that is kept whole.
pub(super) const NODE_LIMIT: u64 = 1_000_000;
/// The most children of an element that is walked through, entries and their details apart.
const CHILD_LIMIT: usize = 1_000;
/// How deep elements may stand in each other.
const DEPTH_LIMIT: usize = 64;
/// The most attributes of an element.
const ATTRIBUTE_LIMIT: usize = 64;

const CHUNK: usize = 64 * 1024;

/// The bytes of a document: counted, and kept while somebody wants them.
struct Feed<R> {
    input: R,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
    /// The line of the next byte.
    line: u64,
    bytes: u64,
    /// How far the event that is being read may go.
    end: u64,
    /// What was passed since somebody asked for it, and how much of it is kept.
    raw: Option<(Vec<u8>, usize)>,
}

impl<R: Read> Read for Feed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: Read> BufRead for Feed<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.bytes >= self.end {
            return Err(io::Error::other("a limit is reached"));
        }
        while self.at >= self.filled {
            self.filled = match self.input.read(&mut self.buffer) {
                Ok(filled) => filled,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.at = 0;
            if self.filled == 0 {
                break;
            }
        }
        Ok(self.buffer.get(self.at..self.filled).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        let end = self.at.saturating_add(count).min(self.filled);
        let passed = self.buffer.get(self.at..end).unwrap_or_default();
        let lines = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u64::try_from(lines).unwrap_or(u64::MAX));
        self.bytes = self.bytes.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        if let Some((raw, limit)) = &mut self.raw {
            let room = limit.saturating_sub(raw.len());
            raw.extend(passed.iter().take(room));
        }
        self.at = end;
    }
}

/// An element that begins.
#[derive(Debug)]
pub(super) struct Tag {
    /// Its name without a prefix; empty where it is of another namespace.
    pub name: String,
    /// The line on which it stands.
    pub line: u64,
    /// The attribute `Ccy`.
    currency: Option<String>,
}

/// What comes next in a document.
enum Token {
    Start(Tag),
    End,
    Text(String),
    Eof,
}

/// Goes through a document.
pub(super) struct Walker<R> {
    reader: NsReader<Feed<R>>,
    buffer: Vec<u8>,
    /// That of the document; none before its first element.
    namespace: Option<String>,
    depth: usize,
}

impl<R: Read> Walker<R> {
    pub fn new(input: R) -> Self {
        let mut reader = NsReader::from_reader(Feed {
            input,
            buffer: vec![0; CHUNK],
            at: 0,
            filled: 0,
            line: 1,
            bytes: 0,
            end: 0,
            raw: None,
        });
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            buffer: Vec::new(),
            namespace: None,
            depth: 0,
        }
    }

    /// The line on which it stands.
    pub fn line(&self) -> u64 {
        self.reader.get_ref().line
    }

    /// How many bytes it has passed.
    pub fn bytes(&self) -> u64 {
        self.reader.get_ref().bytes
    }

    pub fn malformed(&self, reason: impl Into<String>) -> FileError {
        FileError::Malformed {
            line: self.line(),
            reason: reason.into(),
        }
    }

    /// The first element of the document, and its namespace.
    pub fn root(&mut self) -> Result<(Tag, String), FileError> {
        loop {
            match self.token()? {
                Token::Start(tag) => {
                    let namespace = self.namespace.clone().unwrap_or_default();
                    return Ok((tag, namespace));
                }
                Token::Text(text) if text.trim().is_empty() => {}
                Token::Text(_) | Token::End | Token::Eof => {
                    return Err(self.malformed("not XML: it does not begin with an element"));
                }
            }
        }
    }

    /// The next child of the element that was entered last and not left; none at its end, which leaves it.
    pub fn child(&mut self) -> Result<Option<Tag>, FileError> {
        loop {
            match self.token()? {
                Token::Start(tag) => return Ok(Some(tag)),
                Token::End => return Ok(None),
                Token::Text(text) if text.trim().is_empty() => {}
                Token::Text(text) => {
                    return Err(self.malformed(format!("`{}` stands between elements", short(text.trim()))));
                }
                Token::Eof => return Err(self.malformed("the file ends within an element")),
            }
        }
    }

    /// Passes over the element that was entered last.
    pub fn skip(&mut self) -> Result<(), FileError> {
        let outside = self.depth.saturating_sub(1);
        while self.depth > outside {
            if matches!(self.token()?, Token::Eof) {
                return Err(self.malformed("the file ends within an element"));
            }
        }
        Ok(())
    }

    /// The element that was entered last, whole.
    pub fn node(&mut self, tag: Tag) -> Result<Node, FileError> {
        let begin = self.bytes();
        let mut open = vec![Node::of(tag)];
        while let Some(node) = open.last_mut() {
            match self.token()? {
                Token::Start(tag) => open.push(Node::of(tag)),
                Token::Text(text) => node.text.push_str(&text),
                Token::End => {
                    let whole = open.pop();
                    match (open.last_mut(), whole) {
                        (Some(parent), Some(whole)) => parent.children.push(whole),
                        (None, Some(whole)) => return Ok(whole),
                        (_, None) => {}
                    }
                }
                Token::Eof => return Err(self.malformed("the file ends within an element")),
            }
            if self.bytes().saturating_sub(begin) > NODE_LIMIT {
                return Err(self.malformed(format!("an element of more than {NODE_LIMIT} bytes")));
            }
        }
        Err(self.malformed("the file ends within an element"))
    }

    /// Puts an element into another that is put together from the children of one that is not kept whole.
    ///
    /// Errors: more than [`CHILD_LIMIT`] of them.
    pub fn add(&self, parent: &mut Node, child: Node) -> Result<(), FileError> {
        if parent.children.len() >= CHILD_LIMIT {
            return Err(self.malformed(format!("an element of more than {CHILD_LIMIT} children")));
        }
        parent.children.push(child);
        Ok(())
    }

    /// From here on keeps what it passes, at most so many bytes.
    pub fn keep(&mut self, limit: usize) {
        self.reader.get_mut().raw = Some((Vec::new(), limit));
    }

    /// What it passed since.
    pub fn kept(&mut self) -> String {
        let raw = self.reader.get_mut().raw.take();
        raw.map_or_else(String::new, |(raw, _)| {
            let text = String::from_utf8_lossy(&raw);
            text.trim_end_matches('\u{fffd}').to_owned()
        })
    }

    /// Nothing but blanks may follow.
    pub fn finish(&mut self) -> Result<(), FileError> {
        loop {
            match self.token()? {
                Token::Eof => return Ok(()),
                Token::Text(text) if text.trim().is_empty() => {}
                Token::Text(_) | Token::Start(_) | Token::End => {
                    return Err(self.malformed("something follows the document"));
                }
            }
        }
    }

    fn token(&mut self) -> Result<Token, FileError> {
        loop {
            let feed = self.reader.get_mut();
            feed.end = feed.bytes.saturating_add(EVENT_LIMIT).min(FILE_LIMIT);
            self.buffer.clear();
            let line = feed.line;
            let read = match self.reader.read_event_into(&mut self.buffer) {
                Ok(event) => read(event, line),
                Err(error) => Err(Refused::Xml(error)),
            };
            let piece = read.map_err(|refused| self.refused(refused))?;
            match piece {
                Piece::Nothing => {}
                Piece::Start(mut tag) => {
                    self.depth = self.depth.saturating_add(1);
                    if self.depth > DEPTH_LIMIT {
                        return Err(
                            self.malformed(format!("elements stand more than {DEPTH_LIMIT} deep in each other"))
                        );
                    }
                    if !self.is_own(&tag.name) {
                        tag.name.clear();
                    }
                    let local = tag.name.rfind(':').map_or(0, |colon| colon.saturating_add(1));
                    tag.name.drain(..local);
                    return Ok(Token::Start(tag));
                }
                Piece::End => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Token::End);
                }
                Piece::Text(text) => return Ok(Token::Text(text)),
                Piece::Eof if self.depth > 0 => return Err(self.malformed("the file ends within an element")),
                Piece::Eof => return Ok(Token::Eof),
            }
        }
    }

    /// Whether an element by this name, prefix and all, is of the document's namespace; that of the first is the document's.
    fn is_own(&mut self, name: &str) -> bool {
        let (resolved, _) = self.reader.resolver().resolve_element(quick_xml::name::QName(name));
        let ResolveResult::Bound(Namespace(namespace)) = resolved else {
            return false;
        };
        match &self.namespace {
            Some(own) => own == namespace,
            None => {
                self.namespace = Some(namespace.to_owned());
                true
            }
        }
    }

    fn refused(&self, refused: Refused) -> FileError {
        let feed = self.reader.get_ref();
        match refused {
            Refused::Because(reason) => self.malformed(reason),
            Refused::Xml(_) if feed.bytes >= FILE_LIMIT => {
                self.malformed(format!("the file has more than {FILE_LIMIT} bytes"))
            }
            Refused::Xml(_) if feed.bytes >= feed.end => {
                self.malformed(format!("a tag or a text of more than {EVENT_LIMIT} bytes"))
            }
            Refused::Xml(quick_xml::Error::Io(error)) => FileError::Io(io::Error::new(error.kind(), error)),
            Refused::Xml(error) => self.malformed(format!("not well-formed XML: {}", short(&error.to_string()))),
        }
    }
}

/// What an event comes to.
enum Piece {
    Start(Tag),
    End,
    Text(String),
    Eof,
    Nothing,
}

enum Refused {
    Xml(quick_xml::Error),
    Because(String),
}

fn read(event: Event<'_>, line: u64) -> Result<Piece, Refused> {
    let piece = match event {
        // An empty element comes as a start and an end.
        Event::Start(start) | Event::Empty(start) => Piece::Start(tag_of(&start, line)?),
        Event::End(_) => Piece::End,
        Event::Text(text) => Piece::Text(text.xml10_content().into_owned()),
        Event::CData(text) => Piece::Text(text.xml10_content().into_owned()),
        Event::GeneralRef(reference) => Piece::Text(character(&reference)?.to_string()),
        Event::Decl(declaration) => {
            let encoding = declaration.encoding().transpose();
            let encoding = encoding.map_err(|error| Refused::Xml(error.into()))?;
            let known = |name: &str| ["UTF-8", "US-ASCII"].iter().any(|own| name.eq_ignore_ascii_case(own));
            if let Some(name) = encoding.filter(|name| !known(name)) {
                let reason = format!("the file is in {}; ISO 20022 is written in UTF-8", short(&name));
                return Err(Refused::Because(reason));
            }
            Piece::Nothing
        }
        Event::DocType(_) => {
            let reason = "a document type is declared; entities are not expanded, so none is accepted";
            return Err(Refused::Because(reason.to_owned()));
        }
        Event::Comment(_) | Event::PI(_) => Piece::Nothing,
        Event::Eof => Piece::Eof,
    };
    match &piece {
        Piece::Text(text) if !text.chars().all(is_char) => {
            Err(Refused::Because("a character that XML does not have".to_owned()))
        }
        Piece::Start(_) | Piece::End | Piece::Text(_) | Piece::Eof | Piece::Nothing => Ok(piece),
    }
}

/// What may stand in a text (XML 1.0, production 2).
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// The element as it is named, prefix and all.
fn tag_of(start: &BytesStart<'_>, line: u64) -> Result<Tag, Refused> {
    let mut currency = None;
    for (place, attribute) in start.attributes().enumerate() {
        let attribute = attribute.map_err(|error| Refused::Xml(error.into()))?;
        if place >= ATTRIBUTE_LIMIT {
            return Err(Refused::Because(format!(
                "an element of more than {ATTRIBUTE_LIMIT} attributes"
            )));
        }
        if attribute.key.0 == "Ccy" {
            currency = Some(attribute.value.into_owned());
        }
    }
    Ok(Tag {
        name: start.name().0.to_owned(),
        line,
        currency,
    })
}

/// What a reference stands for: a character by its number, or one of the five that XML knows by name.
fn character(reference: &BytesRef<'_>) -> Result<char, Refused> {
    let unknown = || {
        let name = short(reference.borrow().into_inner().as_ref());
        Refused::Because(format!("`&{name};` is not known; entities are not expanded"))
    };
    if reference.is_char_ref() {
        let character = reference.resolve_char_ref().map_err(|_| unknown())?;
        return character.ok_or_else(unknown);
    }
    match reference.borrow().into_inner().as_ref() {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err(unknown()),
    }
}

/// An element with all that is in it.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub name: String,
    pub line: u64,
    /// The attribute `Ccy`.
    pub currency: Option<String>,
    /// Its own texts, one after the other.
    pub text: String,
    children: Vec<Self>,
}

impl Node {
    fn of(tag: Tag) -> Self {
        Self {
            name: tag.name,
            line: tag.line,
            currency: tag.currency,
            text: String::new(),
            children: Vec::new(),
        }
    }

    /// Wrong at this element.
    pub fn wrong(&self, reason: impl Into<String>) -> Wrong {
        Wrong::at(self.line, self.name.clone(), reason)
    }

    /// Takes the first child of a name out of it.
    pub fn take(self, name: &str) -> Option<Self> {
        self.children.into_iter().find(|child| child.name == name)
    }

    /// Every child of a name.
    pub fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = &'n Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The only child of a name, if there is one.
    pub fn one(&self, name: &str) -> Result<Option<&Self>, Wrong> {
        let mut all = self.children.iter().filter(|child| child.name == name);
        match (all.next(), all.next()) {
            (_, Some(second)) => Err(second.wrong("is there twice")),
            (found, None) => Ok(found),
        }
    }

    /// The element at the end of a path, if it is there; none of the path may be there twice.
    pub fn at(&self, path: &[&str]) -> Result<Option<&Self>, Wrong> {
        let Some((first, rest)) = path.split_first() else {
            return Ok(Some(self));
        };
        match self.one(first)? {
            Some(child) => child.at(rest).map_err(|wrong| wrong.within(first)),
            None => Ok(None),
        }
    }

    /// What stands at the end of a path, fit to be kept; none where nothing does.
    pub fn kept(&self, path: &[&str]) -> Result<Option<String>, Wrong> {
        self.read(path, text::kept)
    }

    /// The same of a text that is written for people.
    pub fn prose(&self, path: &[&str]) -> Result<Option<String>, Wrong> {
        self.read(path, text::prose)
    }

    /// What stands at the end of a path, read; none where nothing does.
    pub fn read<T>(&self, path: &[&str], read: impl Fn(&str) -> Result<Option<T>, String>) -> Result<Option<T>, Wrong> {
        let Some(node) = self.at(path)? else {
            return Ok(None);
        };
        read(node.text.trim()).map_err(|reason| Wrong::at(node.line, path.join("/"), reason))
    }
}
