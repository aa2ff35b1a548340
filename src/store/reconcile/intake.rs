//! Intake: the file, streamed into `settlement_line`, and its control claims.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::NaiveDate;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::Sender;
use tokio_postgres::types::Type;

use super::files::made_up;
use super::keys::Keys;
use super::matching::record_type;
use super::{BatchSummary, REJECT_LIMIT, ReconcileError, SettlementFile, together};
use crate::acquirer::format::{HEAD, Reading};
use crate::acquirer::mapping::Profile;
use crate::acquirer::{Claim, ControlClaims, RecordType, Reject, Row, Rows, SettlementLine};
use crate::bank::receipts::words;
use crate::delimited::FileError;
use crate::ids::{AcquirerId, SourceId};
use crate::money::{AmountError, Currency, Money};
use crate::packed::{Packing, gunzip, unzip};
use crate::recon::proof::untrue;
use crate::recon::reserve::Withheld;
use crate::store::copy::Copy;
use crate::store::source::Digesting;
use crate::store::{StoreError, Tx, currency};

/// What was taken in.
pub(super) struct Taken {
    pub(super) claims: ControlClaims,
    /// The first [`REJECT_LIMIT`] rejects.
    pub(super) rejected: Vec<Reject>,
    /// By ordinal: lines that a pass may match.
    pub(super) matchable: Places,
    /// By ordinal: lines that book something.
    pub(super) bookable: Places,
    /// The first [`CARRIED_LIMIT`] lines that carry something over.
    pub(super) carried: Vec<i32>,
    /// What its lines have from the acquirer; none of a file that was taken in before.
    pub(super) keys: Option<Keys>,
    pub(super) unknown_columns: Vec<String>,
    /// The name of its format, or of the profile that it was read by.
    pub(super) format: Option<String>,
    untrue: Vec<Untrue>,
}

/// What a file says and is not so, in words and in amounts.
#[derive(Debug, Clone)]
pub(super) struct Untrue {
    /// The currency of both amounts; none where rows are counted.
    pub(super) currency: Option<Currency>,
    /// What it says.
    pub(super) stated: i128,
    /// What is so.
    pub(super) read: i128,
    /// Both in words.
    pub(super) words: String,
}

/// A set of ordinals, one bit each.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Vec<u64>);

impl Places {
    fn slot(ordinal: u32) -> Option<(usize, u64)> {
        Some((usize::try_from(ordinal / 64).ok()?, 1 << (ordinal % 64)))
    }

    pub(super) fn insert(&mut self, ordinal: u32) {
        if let Some((word, bit)) = Self::slot(ordinal) {
            if word >= self.0.len() {
                self.0.resize(word.saturating_add(1), 0);
            }
            if let Some(bits) = self.0.get_mut(word) {
                *bits |= bit;
            }
        }
    }

    pub(super) fn remove(&mut self, ordinal: i32) {
        if let Some((word, bit)) = u32::try_from(ordinal).ok().and_then(Self::slot)
            && let Some(bits) = self.0.get_mut(word)
        {
            *bits &= !bit;
        }
    }

    pub(super) fn contains(&self, ordinal: i32) -> bool {
        let slot = u32::try_from(ordinal).ok().and_then(Self::slot);
        slot.is_some_and(|(word, bit)| self.0.get(word).is_some_and(|bits| bits & bit != 0))
    }

    /// The ordinals, ascending.
    pub(super) fn ordinals(&self) -> Vec<i32> {
        let words = (0_i32..).step_by(64).zip(&self.0);
        words
            .filter(|(_, bits)| **bits != 0)
            .flat_map(|(first, bits)| {
                (0..64)
                    .filter(move |bit| bits & (1 << bit) != 0)
                    .map(move |bit| first.saturating_add(bit))
            })
            .collect()
    }
}

/// Streams the file into the table of lines.
pub(super) async fn take_in(
    tx: &mut Tx,
    file: &SettlementFile,
    source: SourceId,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Taken, ReconcileError> {
    const TYPES: [Type; 30] = [
        Type::INT8,
        Type::INT4,
        Type::INT4,
        Type::INT2,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::DATE,
        Type::DATE,
        Type::INT8,
        Type::TEXT,
        Type::INT8,
        Type::TEXT,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::INT8,
        Type::NUMERIC,
        Type::INT2,
        Type::TEXT,
    ];
    let in_file = |error: FileError| ReconcileError::File {
        name: file.name.clone(),
        error,
    };
    // Reading runs ahead of the database by a chunk or two, on a thread of its own.
    let (sender, mut chunks) = tokio::sync::mpsc::channel(2);
    let how = How::of(file);
    let paths = file.paths.clone();
    let reading = tokio::task::spawn_blocking(move || read(&paths, &how, &sender));
    let mut rejected = Vec::new();
    let mut matchable = Places::default();
    let mut bookable = Places::default();
    let mut carried = Vec::new();
    let mut keys = Keys::new();
    let mut batches = Batches::default();
    let mut lines = 0_usize;
    let mut copy = tx
        .copy(
            include_str!("../../../schema/queries/settlement_lines_copy.sql"),
            &TYPES,
        )
        .await?;
    while let Some(chunk) = chunks.recv().await {
        for row in chunk {
            match row {
                Row::Line(line) => {
                    sort(line.record, line.ordinal, &mut matchable, &mut bookable, &mut carried);
                    if let (Some(reference), Some(gross)) = (&line.acquirer_reference, line.gross) {
                        keys.add(reference, line.record.id(), gross.currency().code());
                    }
                    batches.add(&line)?;
                    write_line(&mut copy, source, &line).await?;
                    lines = lines.saturating_add(1);
                    progress(u64::from(line.ordinal));
                }
                Row::Reject(reject) => {
                    if rejected.len() < REJECT_LIMIT {
                        rejected.push(reject);
                    }
                }
            }
        }
    }
    let read = reading
        .await
        .map_err(|error| in_file(std::io::Error::other(error).into()))?;
    let Heard {
        claims,
        format,
        unknown_columns,
        digest,
    } = read.map_err(in_file)?;
    if digest != file.digest {
        return Err(ReconcileError::Changed(file.name.clone()));
    }
    tx.end_copy(copy).await?;
    batches.write(tx, source).await?;
    Ok(Taken {
        claims,
        format,
        rejected,
        matchable,
        bookable,
        carried,
        keys: Some(keys),
        unknown_columns,
        untrue: Vec::new(),
    })
}

/// Adds what booked files before this one have of batches that it claims something of, but for those whose place it takes, and
/// takes out claims of which nobody has a line.
async fn in_other_files(
    tx: &mut Tx,
    (acquirer, source): (AcquirerId, SourceId),
    superseded: &[SourceId],
    claims: &mut ControlClaims,
) -> Result<(), StoreError> {
    let batches: Vec<&str> = claims
        .claims
        .iter()
        .filter_map(|claim| Some(claim.batch.as_ref()?.0.as_str()))
        .collect();
    if batches.is_empty() {
        return Ok(());
    }
    let sql = include_str!("../../../schema/queries/batches_in_other_files.sql");
    let mut elsewhere: BTreeMap<(String, String), (i64, i64)> = BTreeMap::new();
    let without: Vec<i64> = superseded.iter().chain([&source]).map(|source| source.0).collect();
    for row in &tx.query(sql, &[&without, &acquirer.0, &batches]).await? {
        let key = (row.try_get("batch")?, row.try_get("currency")?);
        elsewhere.insert(key, (row.try_get("lines")?, row.try_get("net")?));
    }
    let all = std::mem::take(&mut claims.claims).into_iter();
    claims.claims = all
        .filter_map(|claim| {
            let (Some((batch, lines)), Some(currency)) = (&claim.batch, claim.currency) else {
                return Some(claim);
            };
            let key = (batch.clone(), currency.code().to_owned());
            match (elsewhere.get(&key), lines) {
                (None, 0) => None,
                (None, _) => Some(claim),
                (Some((_, net)), _) => Some(claim.with(i128::from(*net))),
            }
        })
        .map(Claim::without_sign)
        .collect();
    repeated(tx, (acquirer, source), superseded, claims).await
}

/// Takes lines that repeat others, of this file or of those before it, out of what claims were held to: they are of a payout once.
async fn repeated(
    tx: &mut Tx,
    (acquirer, source): (AcquirerId, SourceId),
    superseded: &[SourceId],
    claims: &mut ControlClaims,
) -> Result<(), StoreError> {
    let doubted = claims.claims.iter().filter(|claim| claim.stated != claim.read);
    let batches: Vec<String> = doubted
        .filter_map(|claim| Some(claim.batch.as_ref()?.0.clone()))
        .collect();
    if batches.is_empty() {
        return Ok(());
    }
    let without: Vec<i64> = superseded.iter().chain([&source]).map(|source| source.0).collect();
    let sql = include_str!("../../../schema/queries/batches_repeated.sql");
    let rows = tx.query(sql, &[&source.0, &acquirer.0, &without, &batches]).await?;
    for row in &rows {
        let (batch, code): (&str, &str) = (row.try_get("batch")?, row.try_get("currency")?);
        let net: i64 = row.try_get("net")?;
        for claim in claims.claims.iter_mut().filter(|claim| claim.stated != claim.read) {
            let of_batch = claim.batch.as_ref().is_some_and(|(of, _)| of == batch);
            if of_batch && claim.currency.is_some_and(|currency| currency.code() == code) {
                *claim = claim.clone().with(i128::from(net).saturating_neg()).without_sign();
            }
        }
    }
    Ok(())
}

/// What booked files claim of batches, and stands no more with the lines of this one: their payouts are of what came before.
async fn paid_before(
    tx: &mut Tx,
    (acquirer, source): (AcquirerId, SourceId),
    superseded: &[SourceId],
    format: Option<&str>,
) -> Result<Vec<Claim>, StoreError> {
    let without: Vec<i64> = superseded.iter().chain([&source]).map(|source| source.0).collect();
    let sql = include_str!("../../../schema/queries/batches_paid_before.sql");
    let rows = tx
        .query(sql, &[&source.0, &acquirer.0, &without, &made_up(format)])
        .await?;
    rows.iter()
        .map(|row| {
            let (batch, file): (&str, &str) = (row.try_get("batch")?, row.try_get("file")?);
            let (paid, more): (i64, i64) = (row.try_get("paid")?, row.try_get("more")?);
            Ok(Claim {
                what: format!("batch {batch} was paid by {file} with"),
                batch: None,
                currency: Some(currency(row.try_get("currency")?)?),
                stated: paid.into(),
                read: i128::from(paid).saturating_add(more.into()),
            })
        })
        .collect()
}

/// The content of a file without a row, and the day that it is about.
pub(super) struct Empty {
    /// Of its bytes, the acquirer and the day: files of days without sales are alike.
    pub(super) digest: [u8; 32],
    pub(super) day: NaiveDate,
}

/// What names a file that has no rows, as many do of days without sales; none of any other, and of what cannot be read: that is
/// told when it is taken in. `day` is what was said beside the file.
pub(super) async fn empty(
    file: &SettlementFile,
    acquirer: &str,
    day: Option<NaiveDate>,
) -> Result<Option<Empty>, ReconcileError> {
    let (how, paths) = (How::of(file), file.paths.clone());
    let first = move || {
        opened(&paths, &mut |inputs| {
            let (_, mut rows) = how.open(inputs)?;
            let is_empty = rows.next().transpose()?.is_none();
            Ok(is_empty.then(|| rows.claims().latest_day))
        })
    };
    let read = tokio::task::spawn_blocking(first).await;
    let Ok(Ok((Some(stated), _))) = read else {
        return Ok(None);
    };
    let day = day.or(stated).ok_or_else(|| ReconcileError::NoDay(file.name.clone()))?;
    let digest = Sha256::new()
        .chain_update(file.digest)
        .chain_update(day.to_string())
        .chain_update(acquirer);
    Ok(Some(Empty {
        digest: digest.finalize().into(),
        day,
    }))
}

/// How many lines that carry something over are looked at: there are few in a batch.
const CARRIED_LIMIT: usize = 10_000;

/// Notes whether a pass may match a line, whether it books something, and whether it carries something over.
fn sort(record: RecordType, ordinal: u32, matchable: &mut Places, bookable: &mut Places, carried: &mut Vec<i32>) {
    if record == RecordType::Carried
        && carried.len() < CARRIED_LIMIT
        && let Ok(ordinal) = i32::try_from(ordinal)
    {
        carried.push(ordinal);
    }
    if record.is_of_item() {
        matchable.insert(ordinal);
    }
    if record.is_booked() {
        bookable.insert(ordinal);
    }
}

/// The batches of a file by name and net currency, with what is withheld of them.
#[derive(Default)]
struct Batches(HashMap<String, BTreeMap<Currency, (BatchSummary, Withheld, Paid)>>);

/// What a file says of how a batch is paid.
#[derive(Default)]
struct Paid {
    /// The latest day on which money of it moves.
    on: Option<NaiveDate>,
    /// The words that name its payment, one text a payout row.
    names: BTreeSet<String>,
    /// What it pays is no sum of its lines, but of a balance.
    of_balance: bool,
}

impl Paid {
    /// The most payout rows of a batch whose words are kept.
    const LIMIT: usize = 1_000;

    fn add(&mut self, line: &SettlementLine) {
        self.on = self.on.max(line.paid_out_on);
        self.of_balance |= line.of_balance;
        let reference = line.acquirer_reference.as_ref().or(line.merchant_reference.as_ref());
        if line.record == RecordType::Payout
            && let Some(reference) = reference
            && self.names.len() < Self::LIMIT
        {
            let words: Vec<String> = words(reference).into_iter().collect();
            if !words.is_empty() {
                self.names.insert(words.join(" "));
            }
        }
    }

    /// Its names as one text, a line each.
    fn names(&self) -> String {
        self.names.iter().map(String::as_str).collect::<Vec<&str>>().join("\n")
    }
}

impl Batches {
    fn add(&mut self, line: &SettlementLine) -> Result<(), AmountError> {
        let currency = line.net.currency();
        if !self.0.contains_key(&line.batch) {
            self.0.insert(line.batch.clone(), BTreeMap::new());
        }
        let Some(batches) = self.0.get_mut(&line.batch) else {
            return Ok(());
        };
        let empty = || {
            (
                BatchSummary::empty(&line.batch, currency),
                Withheld::default(),
                Paid::default(),
            )
        };
        let (batch, withheld, paid) = batches.entry(currency).or_insert_with(empty);
        paid.add(line);
        let plus = |sum: &mut i64, minor: i64| {
            *sum = sum.checked_add(minor).ok_or(AmountError::TooLarge)?;
            Ok(())
        };
        if line.record == RecordType::Payout {
            return plus(
                &mut batch.payout,
                line.net.minor().checked_neg().ok_or(AmountError::TooLarge)?,
            );
        }
        let costs = [
            line.commission,
            line.markup,
            line.scheme_fee,
            line.interchange,
            line.tax,
        ]
        .into_iter()
        .try_fold(0_i64, i64::checked_add)
        .ok_or(AmountError::TooLarge)?;
        let before_reserve = line.net.minor().checked_add(costs).ok_or(AmountError::TooLarge)?;
        let before = before_reserve.checked_add(line.reserve).ok_or(AmountError::TooLarge)?;
        withheld.add(line.record, before, line.reserve)?;
        if line.record.is_of_item() {
            plus(&mut batch.gross, before)?;
            plus(
                &mut batch.other,
                line.reserve.checked_neg().ok_or(AmountError::TooLarge)?,
            )?;
        } else {
            plus(&mut batch.other, before_reserve)?;
        }
        plus(&mut batch.costs, costs)?;
        plus(&mut batch.net, line.net.minor())?;
        plus(&mut batch.lines, 1)
    }

    async fn write(&self, tx: &mut Tx, source: SourceId) -> Result<(), StoreError> {
        let all = || self.0.values().flat_map(BTreeMap::values);
        let rows: Vec<&BatchSummary> = all().map(|(batch, ..)| batch).collect();
        let withheld: Vec<&Withheld> = all().map(|(_, withheld, _)| withheld).collect();
        let names: Vec<&str> = rows.iter().map(|batch| batch.batch.as_str()).collect();
        let currencies: Vec<&str> = rows.iter().map(|batch| batch.currency.code()).collect();
        let column = |of: fn(&BatchSummary) -> i64| rows.iter().map(|batch| of(batch)).collect::<Vec<i64>>();
        tx.execute(
            include_str!("../../../schema/queries/settlement_batches_insert.sql"),
            &[
                &source.0,
                &names,
                &currencies,
                &column(|batch| batch.lines),
                &column(|batch| batch.gross),
                &column(|batch| batch.costs),
                &column(|batch| batch.other),
                &column(|batch| batch.net),
                &column(signed_payout),
                &withheld.iter().map(|batch| batch.captures).collect::<Vec<i64>>(),
                &withheld.iter().map(|batch| batch.captured).collect::<Vec<i64>>(),
                &withheld.iter().map(|batch| batch.withheld).collect::<Vec<i64>>(),
                &all().map(|(.., paid)| paid.on).collect::<Vec<Option<NaiveDate>>>(),
                &all().map(|(.., paid)| paid.names()).collect::<Vec<String>>(),
                &all().map(|(.., paid)| paid.of_balance).collect::<Vec<bool>>(),
            ],
        )
        .await?;
        Ok(())
    }
}

/// What is paid, with the sign of what it is paid for: not all formats tell whether a payout row takes money from the bank.
fn signed_payout(batch: &BatchSummary) -> i64 {
    match batch.payout.checked_neg() {
        Some(other) if other == batch.net => other,
        _ => batch.payout,
    }
}

/// How many rows are handed over at once.
const CHUNK: usize = 128;

/// How a file is read: as it is named, or as its beginning tells.
pub(super) struct How {
    format: Option<Reading>,
    profiles: Vec<Arc<Profile>>,
}

impl How {
    pub(super) fn of(file: &SettlementFile) -> Self {
        Self {
            format: file.format.clone(),
            profiles: file.profiles.clone(),
        }
    }

    /// A reader of files that make one report, and the format or profile that the first of them has.
    pub(super) fn open<'r>(&self, inputs: Inputs<'r>) -> Result<(Reading, Rows<'r>), FileError> {
        let mut inputs = inputs.into_iter();
        let mut first = inputs.next().unwrap_or_else(|| Box::new(std::io::empty()));
        let mut head = Vec::new();
        let limit = u64::try_from(HEAD).unwrap_or(u64::MAX);
        first.by_ref().take(limit).read_to_end(&mut head)?;
        let reading = match &self.format {
            Some(reading) => reading.clone(),
            None => Reading::detect(&head, &self.profiles)?,
        };
        let whole = Box::new(std::io::Cursor::new(head).chain(first));
        let reader = reading.open(whole, inputs.collect())?;
        Ok((reading, reader))
    }
}

/// What reading a file came to beside its rows.
struct Heard {
    claims: ControlClaims,
    format: Option<String>,
    unknown_columns: Vec<String>,
    digest: [u8; 32],
}

/// Reads a file, and those given with it, to the end and hands the rows over in chunks; the digest is that of what was read.
fn read(paths: &[PathBuf], how: &How, sender: &Sender<Vec<Row>>) -> Result<Heard, FileError> {
    let ((claims, format, unknown_columns), digest) = opened(paths, &mut |inputs| read_rows(inputs, how, sender))?;
    Ok(Heard {
        claims,
        format,
        unknown_columns,
        digest,
    })
}

/// Files that make one report, each unpacked.
pub(in crate::store) type Inputs<'r> = Vec<Box<dyn Read + 'r>>;

/// Hands what files hold, unpacked, to `read`; the digest is that of what they hold, as far as it was read: a packed copy has the
/// digest of the plain one.
pub(in crate::store) fn opened<T>(
    paths: &[PathBuf],
    read: &mut dyn FnMut(Inputs<'_>) -> Result<T, FileError>,
) -> Result<(T, [u8; 32]), FileError> {
    let mut digests = Vec::with_capacity(paths.len());
    let told = open_all(paths, Vec::new(), &mut digests, read)?;
    // The file that was opened last is digested first.
    digests.reverse();
    Ok((told, together(&digests)))
}

/// The digest of what a file holds, unpacked.
pub(in crate::store) fn digest_of(path: &Path) -> Result<[u8; 32], FileError> {
    let to_its_end = &mut |inputs: Inputs<'_>| {
        for mut input in inputs {
            std::io::copy(&mut input, &mut std::io::sink())?;
        }
        Ok(())
    };
    opened(&[path.to_owned()], to_its_end).map(|((), digest)| digest)
}

/// Opens files one inside the other, since an unpacked one borrows its packed one, and hands all of them to `read`.
fn open_all<T>(
    paths: &[PathBuf],
    opened: Inputs<'_>,
    digests: &mut Vec<[u8; 32]>,
    read: &mut dyn FnMut(Inputs<'_>) -> Result<T, FileError>,
) -> Result<T, FileError> {
    let Some((path, rest)) = paths.split_first() else {
        return read(opened);
    };
    let mut file = File::open(path)?;
    let packed = file.metadata()?.len();
    let mut head = Vec::new();
    (&file).take(4).read_to_end(&mut head)?;
    file.rewind()?;
    let with = |opened: Inputs<'_>,
                input: &mut dyn Read,
                digests: &mut Vec<[u8; 32]>,
                read: &mut dyn FnMut(Inputs<'_>) -> Result<T, FileError>| {
        let mut inputs: Inputs<'_> = Vec::with_capacity(opened.len().saturating_add(1));
        for one in opened {
            inputs.push(one);
        }
        inputs.push(Box::new(input));
        open_all(rest, inputs, digests, read)
    };
    let digesting = |input: &mut dyn Read| {
        let mut input = Digesting::new(input);
        let told = with(opened, &mut input, digests, read)?;
        digests.push(input.digest());
        Ok(told)
    };
    match Packing::of(&head) {
        Packing::Plain => digesting(&mut file),
        Packing::Gzip => digesting(&mut gunzip(&mut file, packed)),
        Packing::Zip => unzip(&file, packed, digesting),
    }
}

/// Reads rows to the end of the inputs.
fn read_rows(
    inputs: Inputs<'_>,
    how: &How,
    sender: &Sender<Vec<Row>>,
) -> Result<(ControlClaims, Option<String>, Vec<String>), FileError> {
    let (reading, mut reader) = how.open(inputs)?;
    let mut chunk = Vec::with_capacity(CHUNK);
    while let Some(row) = reader.next().transpose()? {
        chunk.push(row);
        if chunk.len() == CHUNK
            && sender
                .blocking_send(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK)))
                .is_err()
        {
            // The receiver stopped: the database failed and says so itself.
            break;
        }
    }
    // Whether this is received does not matter, for the same reason.
    sender.blocking_send(chunk).ok();
    let name = Some(reading.name().to_owned());
    Ok((reader.claims(), name, reader.unknown_columns().to_vec()))
}

async fn write_line(copy: &mut Copy, source: SourceId, line: &SettlementLine) -> Result<(), StoreError> {
    let too_large = || StoreError::TooLarge("the line number".to_owned());
    copy.row(&[
        &source.0,
        &i32::try_from(line.ordinal).map_err(|_| too_large())?,
        &i32::try_from(line.line).map_err(|_| too_large())?,
        &line.record.id(),
        &line.type_text,
        &line.batch,
        &line.acquirer_reference,
        &line.original_reference,
        &line.merchant_reference,
        &line.arn,
        &line.rrn,
        &line.auth_code,
        &line.card,
        &line.dispute,
        &line.reason,
        &line.occurred_on,
        &line.paid_out_on,
        &line.gross.map(Money::minor),
        &line.gross.as_ref().map(|gross| gross.currency().code().to_owned()),
        &line.net.minor(),
        &line.net.currency().code(),
        &line.commission,
        &line.markup,
        &line.scheme_fee,
        &line.interchange,
        &line.tax,
        &line.reserve,
        &line.exchange_rate,
        &line.contrary.map(RecordType::id),
        &line.raw,
    ])
    .await?;
    Ok(())
}

impl Taken {
    /// Why nothing of the file may be posted, if so.
    pub(super) fn quarantine_reason(&self) -> Option<String> {
        if self.claims.rejects > 0 {
            return Some(match self.claims.rejects {
                1 => "1 row cannot be read".to_owned(),
                rejects => format!("{rejects} rows cannot be read"),
            });
        }
        let first = self.untrue.first()?;
        Some(format!(
            "{} of its totals do not add up: {}",
            self.untrue.len(),
            first.words
        ))
    }

    /// Holds what it claims to its lines and to those of other files, but for those whose place it takes.
    pub(super) async fn prove(
        &mut self,
        tx: &mut Tx,
        (acquirer, source): (AcquirerId, SourceId),
        superseded: &[SourceId],
    ) -> Result<(), StoreError> {
        in_other_files(tx, (acquirer, source), superseded, &mut self.claims).await?;
        let paid = paid_before(tx, (acquirer, source), superseded, self.format.as_deref()).await?;
        self.claims.claims.extend(paid);
        self.untrue.splice(0..0, untrue(&self.claims).iter().map(Untrue::of));
        Ok(())
    }

    /// Adds what only other files show to be untrue.
    pub(super) fn dispute(&mut self, more: Vec<Untrue>) {
        self.untrue.extend(more);
    }

    /// Keeps the file and its lines, posts nothing, and names what does not add up.
    pub(super) async fn quarantine(
        &self,
        tx: &mut Tx,
        acquirer: AcquirerId,
        source: SourceId,
        as_of: Option<NaiveDate>,
        reason: &str,
    ) -> Result<(), ReconcileError> {
        keep_file(tx, acquirer, source, self, "quarantined", Some(reason), as_of).await?;
        let lines: Vec<i64> = self
            .rejected
            .iter()
            .map(|reject| i64::try_from(reject.line).unwrap_or(i64::MAX))
            .collect();
        let columns: Vec<Option<&str>> = self.rejected.iter().map(|reject| reject.column.as_deref()).collect();
        let reasons: Vec<&str> = self.rejected.iter().map(|reject| reject.reason.as_str()).collect();
        let insert = include_str!("../../../schema/queries/settlement_rejects_insert.sql");
        let raw: Vec<&str> = self.rejected.iter().map(|reject| reject.raw.as_str()).collect();
        tx.execute(insert, &[&source.0, &lines, &columns, &reasons, &raw])
            .await?;
        // Where rows are missing, what they add up to says nothing.
        let untrue = self.untrue.iter().filter(|_| self.claims.rejects == 0);
        for claim in untrue {
            let minor = |total: i128| i64::try_from(total).ok();
            let code = claim.currency.map(|currency| currency.code().to_owned());
            // A count is told in words alone: it is no money.
            let money = |total: i128| code.as_ref().and_then(|_| minor(total));
            let insert = include_str!("../../../schema/queries/break_total_mismatch.sql");
            let (stated, read) = (money(claim.stated), money(claim.read));
            tx.execute(insert, &[&acquirer.0, &source.0, &code, &stated, &read, &claim.words])
                .await?;
        }
        Ok(())
    }
}

impl Untrue {
    fn of(claim: &Claim) -> Self {
        let text = |total: i128| {
            let money = |currency| i64::try_from(total).map(|minor| Money::from_minor(minor, currency));
            match claim.currency.map(money) {
                Some(Ok(money)) => money.to_string(),
                Some(Err(_)) | None => total.to_string(),
            }
        };
        let (stated, read) = (text(claim.stated), text(claim.read));
        Self {
            currency: claim.currency,
            stated: claim.stated,
            read: claim.read,
            words: format!("{} {stated}, its lines add up to {read}", claim.what),
        }
    }
}

/// Keeps what became of a file.
pub(super) async fn keep_file(
    tx: &mut Tx,
    acquirer: AcquirerId,
    source: SourceId,
    taken: &Taken,
    state: &str,
    reason: Option<&str>,
    as_of: Option<NaiveDate>,
) -> Result<(), StoreError> {
    let count = |rows: u64| i64::try_from(rows).unwrap_or(i64::MAX);
    let (lines, rejects) = (count(taken.claims.lines), count(taken.claims.rejects));
    let insert = include_str!("../../../schema/queries/settlement_file_insert.sql");
    tx.execute(
        insert,
        &[
            &source.0,
            &acquirer.0,
            &state,
            &reason,
            &lines,
            &rejects,
            &as_of,
            &taken.format,
        ],
    )
    .await?;
    Ok(())
}

/// What books or may match of a file whose lines were taken in before.
pub(super) async fn taken_again(tx: &mut Tx, source: SourceId) -> Result<Taken, ReconcileError> {
    const CHUNK: i64 = 50_000;
    let mut taken = Taken {
        claims: ControlClaims::default(),
        format: None,
        rejected: Vec::new(),
        matchable: Places::default(),
        bookable: Places::default(),
        carried: Vec::new(),
        keys: None,
        unknown_columns: Vec::new(),
        untrue: Vec::new(),
    };
    let lines = include_str!("../../../schema/queries/lines_again.sql");
    let mut after = 0_i32;
    loop {
        let rows = tx.query(lines, &[&source.0, &after, &CHUNK]).await?;
        if rows.is_empty() {
            return Ok(taken);
        }
        for row in &rows {
            let read = || -> Result<(i32, i16), StoreError> { Ok((row.try_get(0)?, row.try_get(1)?)) };
            let (ordinal, id) = read()?;
            let record = record_type(id)?;
            let place = u32::try_from(ordinal).map_err(|_| StoreError::Unreadable(format!("line {ordinal}")))?;
            sort(
                record,
                place,
                &mut taken.matchable,
                &mut taken.bookable,
                &mut taken.carried,
            );
            after = ordinal;
        }
    }
}

/// Why a file may not be booked beside files that hold a batch of it, or state the same balances, if there are any.
pub(super) fn supersedes(earlier: &[(SourceId, String, String)]) -> Option<String> {
    let (_, name, what) = earlier.first()?;
    let more = match earlier.len().saturating_sub(1) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    Some(format!("{what} came before with other content, in {name}{more}"))
}

/// Names what came before with other content.
pub(super) async fn break_superseded(
    tx: &mut Tx,
    acquirer: AcquirerId,
    source: SourceId,
    earlier: &[(SourceId, String, String)],
) -> Result<(), StoreError> {
    let insert = include_str!("../../../schema/queries/break_superseded_file.sql");
    let mut by_file: BTreeMap<SourceId, (&str, Vec<&str>)> = BTreeMap::new();
    for (of, name, what) in earlier {
        by_file.entry(*of).or_insert((name, Vec::new())).1.push(what);
    }
    for (name, what) in by_file.values() {
        let more = match what.len() {
            0 | 1 => String::new(),
            parts => format!(", and {} more", parts.saturating_sub(1)),
        };
        let first = what.first().copied().unwrap_or_default();
        let detail = format!("{first}{more} came before with other content, in {name}");
        tx.execute(insert, &[&acquirer.0, &source.0, &detail]).await?;
    }
    Ok(())
}
