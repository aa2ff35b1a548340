//! Mapping profiles: how the files of formats are read that no reader was written for.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;

use super::reader::{Reader, Table, Text as Word};
use crate::acquirer::RecordType;
use crate::acquirer::format::Format;
use crate::acquirer::mapping::{
    Amount, BalanceRule, ClaimRule, Columns, CurrencyOf, DatePattern, Days, End, Flags, MARGIN_LIMIT, Margin, Numbers,
    Profile, Scale, ScaleTable, Stated, SumOf, Text,
};
use crate::card_number::shorten;
use crate::delimited::{CELL_LIMIT, Dialect};

/// How a file signs what is taken from us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Costs {
    /// As a positive amount, to be subtracted.
    #[default]
    Positive,
    /// As a negative amount, to be added.
    Negative,
}

impl<'t> Reader<'t> {
    pub(super) fn profile(&mut self, table: Table<'t>, name: &str) -> Option<Profile> {
        self.only(
            table,
            &[
                "name",
                "separator",
                "encoding",
                "preamble",
                "header",
                "trailer",
                "decimal",
                "thousands",
                "scale",
                "scale_of",
                "date",
                "time_zone",
                "day_zone",
                "costs",
                "unread",
                "columns",
                "flags",
                "types",
                "claim",
            ],
        );
        if Format::from_name(name).is_some() {
            let at = table.get("name").map_or(table.at, |(at, _)| at);
            self.found(at, format!("`{name}` is the name of a format; a profile needs another"));
        }
        let dialect = self.dialect(table);
        let preamble = self.optional_number(table, "preamble", 0, MARGIN_LIMIT);
        let header = table.get("header").map(|_| self.words(table, "header"));
        let trailer = self.words(table, "trailer");
        let numbers = self.numbers(table);
        let scale = self.scale_table(table);
        let days = self.profile_days(table);
        let costs: Option<Option<Costs>> = self.optional_word(table, "costs");
        let unread = self.words(table, "unread");
        let columns = self.table(table, "columns").and_then(|columns| self.columns(columns));
        let types = self.table(table, "types").map(|types| self.types(types));
        let flags = self.optional(table, "flags", Self::flags);
        let (texts, amounts) = columns?;
        let header = self.header(table, header, &texts, &amounts)?;
        let flags = self.check_flags(table, &amounts, flags?)?;
        let margins = (preamble?.unwrap_or(0), trailer.as_slice());
        let claims = self.listed_tables(table, "claim", "claim", "[[profile.claim]]");
        let days = days?;
        let claims: Option<Vec<ClaimRule>> = claims
            .into_iter()
            .map(|claim| self.claim(claim, margins, &amounts, &days))
            .collect();
        let (claims, types) = (claims?, types?);
        self.check_balances(table, &claims, &types, &texts);
        Some(Profile {
            name: name.to_owned(),
            dialect: dialect?,
            preamble: margins.0,
            header,
            numbers: numbers?,
            scale: scale?,
            days,
            texts,
            amounts,
            costs_are_negative: costs?.unwrap_or_default() == Costs::Negative,
            flags,
            types,
            unread,
            claims,
            trailer,
        })
    }

    /// The names of the columns of files that have none, each once; all that are read are among them.
    fn header(
        &mut self,
        table: Table<'t>,
        header: Option<Vec<String>>,
        texts: &BTreeMap<Text, String>,
        amounts: &BTreeMap<Amount, Columns>,
    ) -> Option<Option<Vec<String>>> {
        let Some(names) = header else {
            return Some(None);
        };
        let at = table.get("header").map_or(table.at, |(at, _)| at);
        if names.is_empty() || names.len() > CELL_LIMIT {
            self.found(at, format!("`header` must name from 1 to {CELL_LIMIT} columns"));
            return None;
        }
        let mut known = BTreeSet::new();
        if let Some(twice) = names.iter().find(|name| !known.insert(name.as_str())) {
            let shown = shorten(twice, 60);
            self.found(at, format!("`header` has the column `{shown}` twice"));
            return None;
        }
        let read = texts.values().map(String::as_str);
        let mut read = read.chain(amounts.values().flat_map(Columns::names));
        if let Some(missing) = read.find(|name| !known.contains(name)) {
            let shown = shorten(missing, 60);
            self.found(at, format!("`header` has no column `{shown}`, which is read"));
            return None;
        }
        Some(Some(names))
    }

    fn dialect(&mut self, table: Table<'t>) -> Option<Dialect> {
        let separator = self.optional_character(table, "separator", &[',', ';', '|', '\t']);
        let encoding = self.optional_word(table, "encoding");
        let separator = separator?.unwrap_or(',');
        Some(Dialect {
            separator: u8::try_from(separator).ok()?,
            encoding: encoding?.unwrap_or_default(),
        })
    }

    fn numbers(&mut self, table: Table<'t>) -> Option<Numbers> {
        let decimal = self.optional_character(table, "decimal", &['.', ',']);
        let thousands = self.optional_character(table, "thousands", &[',', '.', ' ', '\'']);
        let (decimal, thousands) = (decimal?.unwrap_or('.'), thousands?);
        if thousands == Some(decimal) {
            let at = table.get("thousands").map_or(table.at, |(at, _)| at);
            self.found(at, "`thousands` is what stands before decimals too".to_owned());
            return None;
        }
        Some(Numbers { decimal, thousands })
    }

    fn scale_table(&mut self, table: Table<'t>) -> Option<ScaleTable> {
        let default = match table.get("scale") {
            None => Some(Scale::default()),
            Some(_) => self.text(table, "scale").and_then(|text| self.scale(text)),
        };
        let mut of = BTreeMap::new();
        let mut fine = true;
        for (currency, text) in self.by_currency(table, "scale_of") {
            match self.scale(text) {
                Some(scale) => {
                    of.insert(currency, scale);
                }
                None => fine = false,
            }
        }
        let default = default?;
        fine.then_some(ScaleTable { default, of })
    }

    fn scale(&mut self, text: Word<'t>) -> Option<Scale> {
        let scale = Scale::parse(text.text);
        if scale.is_none() {
            let shown = shorten(text.text, 40);
            let message = format!("`{shown}` is not a scale: write \"iso\", \"decimals:6\" or \"units:2\"");
            self.found(text.at, message);
        }
        scale
    }

    fn profile_days(&mut self, table: Table<'t>) -> Option<Days> {
        let date = self.text(table, "date");
        let zone = |reader: &mut Self, field| match table.get(field) {
            None => Some(None),
            Some(_) => reader.time_zone(table, field).map(Some),
        };
        let time_zone = zone(self, "time_zone");
        let day_zone = zone(self, "day_zone");
        let date = date?;
        let pattern = DatePattern::parse(date.text)
            .map_err(|reason| self.found(date.at, format!("`date` {reason}")))
            .ok()?;
        let (time_zone, day_zone) = (time_zone?, day_zone?);
        let wrong = match (time_zone, day_zone) {
            (Some(_), _) if pattern.has_offset() => Some(("time_zone", "is not needed: the times have an offset")),
            (Some(_), None) => Some(("time_zone", "needs `day_zone`, the zone whose days are wanted")),
            (_, Some(_)) if !pattern.has_time() => Some(("day_zone", "needs a `date` with hh and mm")),
            (None, Some(_)) if !pattern.has_offset() => Some(("day_zone", "needs `time_zone`, or an offset in `date`")),
            _ => None,
        };
        if let Some((field, reason)) = wrong {
            let at = table.get(field).map_or(table.at, |(at, _)| at);
            self.found(at, format!("`{field}` {reason}"));
            return None;
        }
        Some(Days {
            pattern,
            time_zone,
            day_zone,
        })
    }

    /// The columns of texts and amounts, each read once.
    fn columns(&mut self, table: Table<'t>) -> Option<(BTreeMap<Text, String>, BTreeMap<Amount, Columns>)> {
        let names: Vec<&str> = Text::ALL
            .into_iter()
            .map(Text::name)
            .chain(Amount::ALL.into_iter().map(Amount::name))
            .collect();
        self.only(table, &names);
        let mut fine = true;
        let mut used = BTreeSet::new();
        let mut texts = BTreeMap::new();
        for text in Text::ALL {
            if table.get(text.name()).is_none() && !text.is_required() {
                continue;
            }
            match self.column(table, text.name(), &mut used) {
                Some(column) => {
                    texts.insert(text, column);
                }
                None => fine = false,
            }
        }
        let mut amounts = BTreeMap::new();
        for amount in Amount::ALL {
            match table.get(amount.name()) {
                None => continue,
                Some(value) => match self.amount_columns(table, amount, value, &mut used) {
                    Some(columns) => {
                        amounts.insert(amount, columns);
                    }
                    None => fine = false,
                },
            }
        }
        let has = |amount: Amount| table.get(amount.name()).is_some();
        if !has(Amount::Gross) && !has(Amount::Net) {
            self.found(table.at, "columns needs `gross` or `net`".to_owned());
            fine = false;
        }
        fine.then_some((texts, amounts))
    }

    fn column(&mut self, table: Table<'t>, field: &'static str, used: &mut BTreeSet<&'t str>) -> Option<String> {
        let text = self.text(table, field)?;
        if text.text.is_empty() {
            self.found(text.at, format!("`{field}` is empty; write the name of a column"));
            return None;
        }
        if !used.insert(text.text) {
            let shown = shorten(text.text, 60);
            self.found(text.at, format!("column `{shown}` is read for another field already"));
            return None;
        }
        Some(text.text.to_owned())
    }

    fn amount_columns(
        &mut self,
        table: Table<'t>,
        amount: Amount,
        (at, value): (usize, &'t DeValue<'t>),
        used: &mut BTreeSet<&'t str>,
    ) -> Option<Columns> {
        let name = amount.name();
        let DeValue::Table(fields) = value else {
            return self.column(table, name, used).map(Columns::Signed);
        };
        let inner = Table { name, at, fields };
        self.only(inner, &["debit", "credit", "amount", "flag"]);
        let has = |field| inner.get(field).is_some();
        let (two, flagged) = (has("debit") || has("credit"), has("amount") || has("flag"));
        if two == flagged {
            let forms = "{ debit = \"...\", credit = \"...\" } or { amount = \"...\", flag = \"...\" }";
            self.found(at, format!("`{name}` must be the name of a column, {forms}"));
            return None;
        }
        if two {
            let (debit, credit) = (self.column(inner, "debit", used), self.column(inner, "credit", used));
            return Some(Columns::Two {
                debit: debit?,
                credit: credit?,
            });
        }
        let column = self.column(inner, "amount", used);
        // One column of flags may be that of several amounts.
        let flag = self.text(inner, "flag").map(|flag| flag.text.to_owned());
        Some(Columns::Flagged {
            amount: column?,
            flag: flag?,
        })
    }

    fn flags(&mut self, table: Table<'t>) -> Option<Flags> {
        self.only(table, &["debit", "credit"]);
        let flags = Flags {
            debit: self.words(table, "debit"),
            credit: self.words(table, "credit"),
        };
        if flags.debit.is_empty() || flags.credit.is_empty() {
            self.found(table.at, "flags needs words for `debit` and for `credit`".to_owned());
            return None;
        }
        if let Some(word) = flags.debit.iter().find(|word| flags.credit.contains(word)) {
            let shown = shorten(word, 40);
            self.found(table.at, format!("`{shown}` is a flag of both debit and credit"));
            return None;
        }
        Some(flags)
    }

    /// The flags, which are there exactly where an amount has one.
    fn check_flags(
        &mut self,
        table: Table<'t>,
        amounts: &BTreeMap<Amount, Columns>,
        flags: Option<Flags>,
    ) -> Option<Flags> {
        let has_flag = amounts
            .values()
            .any(|columns| matches!(columns, Columns::Flagged { .. }));
        match flags {
            None if has_flag => {
                self.missing(table, "flags");
                None
            }
            Some(_) if !has_flag => {
                let at = table.get("flags").map_or(table.at, |(at, _)| at);
                self.found(at, "no amount has a `flag`, so `flags` says nothing".to_owned());
                None
            }
            flags => Some(flags.unwrap_or_default()),
        }
    }

    /// What the file's types mean.
    fn types(&mut self, table: Table<'t>) -> BTreeMap<String, RecordType> {
        let mut types = BTreeMap::new();
        for (key, value) in table.fields.iter() {
            let at = value.span().start;
            let DeValue::String(text) = value.get_ref() else {
                self.wrong_type::<()>(at, key.get_ref(), value.get_ref(), "a text in quotes");
                continue;
            };
            match RecordType::ALL
                .into_iter()
                .find(|record| record.name() == text.as_ref())
            {
                Some(record) => {
                    types.insert(key.get_ref().clone().into_owned(), record);
                }
                None => {
                    let known: Vec<&str> = RecordType::ALL.into_iter().map(RecordType::name).collect();
                    let (shown, known) = (shorten(text, 40), known.join(", "));
                    self.found(at, format!("`{shown}` is not a record type: known are {known}"));
                }
            }
        }
        if table.fields.is_empty() {
            self.found(table.at, "types is empty; every line would be unsupported".to_owned());
        }
        types
    }

    /// A balance has both its ends, and what is paid of it a name.
    fn check_balances(
        &mut self,
        table: Table<'t>,
        claims: &[ClaimRule],
        types: &BTreeMap<String, RecordType>,
        texts: &BTreeMap<Text, String>,
    ) {
        let states = |wanted: End| {
            let mut balances = claims.iter();
            balances.any(|rule| matches!(&rule.states, Stated::Balance(balance) if balance.end == wanted))
        };
        let (opening, closing) = (states(End::Opening), states(End::Closing));
        let at = table.get("claim").map_or(table.at, |(at, _)| at);
        if opening != closing {
            let message = "a claim that states `opening` needs one that states `closing`, and the other way round";
            self.found(at, message.to_owned());
        }
        let pays = types.values().any(|record| *record == RecordType::Payout);
        if (opening || closing) && pays && !texts.contains_key(&Text::AcquirerReference) {
            let message = "a payout of a balance is known by its `acquirer_reference`, which columns has not";
            self.found(at, message.to_owned());
        }
    }

    fn claim(
        &mut self,
        table: Table<'t>,
        (preamble, trailer): (u16, &[String]),
        amounts: &BTreeMap<Amount, Columns>,
        days: &Days,
    ) -> Option<ClaimRule> {
        const OF_BALANCE: [&str; 3] = ["date_cell", "date", "account_cell"];
        const FIELDS: [&str; 8] = [
            "states",
            "preamble",
            "trailer",
            "cell",
            "currency",
            "currency_cell",
            "any_currency",
            "beside",
        ];
        let fields: Vec<&str> = FIELDS.into_iter().chain(OF_BALANCE).collect();
        self.only(table, &fields);
        let cells = u16::try_from(CELL_LIMIT).unwrap_or(u16::MAX);
        let row = self.margin(table, preamble, trailer);
        if table.get("cell").is_none() {
            self.missing(table, "cell");
        }
        let column = self.optional_number(table, "cell", 1, cells);
        let beside = self.optional_number(table, "beside", 0, MARGIN_LIMIT);
        let states = self.text(table, "states");
        let sum_of = self.sum_of(table, cells);
        let states = states?;
        let end = match states.text {
            "opening" => Some(End::Opening),
            "closing" => Some(End::Closing),
            _ => None,
        };
        let alien = OF_BALANCE
            .into_iter()
            .find_map(|field| Some((field, table.get(field)?.0)));
        if let (None, Some((field, at))) = (end, alien) {
            self.found(
                at,
                format!("`{field}` is of a claim that states `opening` or `closing`"),
            );
            return None;
        }
        let (states, sum_of) = match (end, states.text) {
            (Some(end), _) => {
                let currency = match sum_of? {
                    Some(SumOf::One(currency)) => currency,
                    Some(SumOf::Any) | None => {
                        self.found(table.at, "a balance needs `currency` or `currency_cell`".to_owned());
                        return None;
                    }
                };
                (Stated::Balance(self.balance_rule(table, end, currency, days)?), None)
            }
            (None, "rows") => (Stated::Count, sum_of?),
            (None, name) => {
                let amount = amounts.keys().copied().find(|amount| amount.name() == name);
                let Some(amount) = amount else {
                    let shown = shorten(name, 40);
                    let known = "neither `rows`, `opening`, `closing` nor an amount that the profile reads";
                    self.found(states.at, format!("`{shown}` is {known}"));
                    return None;
                };
                let sum_of = sum_of?;
                if sum_of.is_none() {
                    let message = "a sum needs `currency`, `currency_cell` or `any_currency = true`";
                    self.found(table.at, message.to_owned());
                }
                (Stated::Sum(amount, sum_of.clone()?), None)
            }
        };
        let beside = beside?.unwrap_or(0);
        if sum_of.is_some() || (beside > 0 && states != Stated::Count) {
            let message = "`beside` is of a count of rows, a currency of a sum";
            self.found(table.at, message.to_owned());
            return None;
        }
        Some(ClaimRule {
            states,
            row: row?,
            column: column??,
            beside,
        })
    }

    /// One end of a balance: when that is, written as the lines' days are where nothing else is said, and whose account.
    fn balance_rule(&mut self, table: Table<'t>, end: End, currency: CurrencyOf, days: &Days) -> Option<BalanceRule> {
        let cells = u16::try_from(CELL_LIMIT).unwrap_or(u16::MAX);
        if table.get("date_cell").is_none() {
            self.missing(table, "date_cell");
        }
        let date = self.optional_number(table, "date_cell", 1, cells);
        let account = self.optional_number(table, "account_cell", 1, cells);
        let pattern = match table.get("date") {
            None => Some(days.pattern.clone()),
            Some(_) => self.text(table, "date").and_then(|text| {
                let pattern = DatePattern::parse(text.text);
                pattern
                    .map_err(|reason| self.found(text.at, format!("`date` {reason}")))
                    .ok()
            }),
        };
        let pattern = pattern?;
        Some(BalanceRule {
            end,
            currency,
            date: date??,
            days: Days {
                // Days without a time are those of the acquirer, whatever their zone: of files one after the other they adjoin.
                time_zone: days.time_zone.filter(|_| pattern.has_time()),
                day_zone: None,
                pattern,
            },
            account: account?,
        })
    }

    /// The row that claims something: one of the preamble, or those of the trailer with a first cell.
    fn margin(&mut self, table: Table<'t>, preamble: u16, trailer: &[String]) -> Option<Margin> {
        match (table.get("preamble"), table.get("trailer")) {
            (Some((at, _)), None) => {
                let row = self.optional_number(table, "preamble", 1, MARGIN_LIMIT)??;
                if row > preamble {
                    self.found(at, format!("the preamble has {preamble} rows"));
                    return None;
                }
                Some(Margin::Before(row))
            }
            (None, Some(_)) => {
                let text = self.text(table, "trailer")?;
                if !trailer.iter().any(|cell| cell == text.text) {
                    let shown = shorten(text.text, 40);
                    self.found(text.at, format!("`{shown}` is not in the profile's `trailer`"));
                    return None;
                }
                Some(Margin::After(text.text.to_owned()))
            }
            _ => {
                let message = "a claim needs `preamble`, the number of a row, or `trailer`, the first cell of one";
                self.found(table.at, message.to_owned());
                None
            }
        }
    }

    /// Of which rows a sum is; none where that is not said. `None` where it is said twice or wrong.
    fn sum_of(&mut self, table: Table<'t>, cells: u16) -> Option<Option<SumOf>> {
        let fields = ["currency", "currency_cell", "any_currency"];
        if fields.iter().filter(|field| table.get(field).is_some()).count() > 1 {
            self.found(
                table.at,
                "a claim has one of `currency`, `currency_cell` and `any_currency`".to_owned(),
            );
            return None;
        }
        if table.get("currency").is_some() {
            let text = self.text(table, "currency")?;
            return self
                .currency(text.at, text.text)
                .map(|currency| Some(SumOf::One(CurrencyOf::Named(currency))));
        }
        if table.get("currency_cell").is_some() {
            let cell = self.optional_number(table, "currency_cell", 1, cells)?;
            return Some(cell.map(|cell| SumOf::One(CurrencyOf::Cell(cell))));
        }
        let any = self.optional_flag(table, "any_currency")?;
        Some(any.filter(|any| *any).map(|_| SumOf::Any))
    }

    /// Texts that are visible; one, or several in a list.
    fn words(&mut self, table: Table<'t>, field: &str) -> Vec<String> {
        let texts = self.texts(table, field);
        let mut words = Vec::with_capacity(texts.len());
        for text in texts {
            if let Some(word) = self.checked(field, text, |_| true) {
                words.push(word.to_owned());
            }
        }
        words
    }

    /// A character out of some. `None` where it is there and wrong.
    fn optional_character(&mut self, table: Table<'t>, field: &str, known: &[char]) -> Option<Option<char>> {
        if table.get(field).is_none() {
            return Some(None);
        }
        let text = self.text(table, field)?;
        let found = known.iter().copied().find(|c| text.text.strip_prefix(*c) == Some(""));
        if found.is_none() {
            let known: Vec<String> = known.iter().map(|c| format!("{:?}", c.to_string())).collect();
            self.found(text.at, format!("`{field}` must be one of {}", known.join(" ")));
        }
        found.map(Some)
    }

    /// A whole number within limits. `None` where it is there and wrong.
    fn optional_number(&mut self, table: Table<'t>, field: &str, least: u16, most: u16) -> Option<Option<u16>> {
        let (at, integer) = match table.get(field) {
            None => return Some(None),
            Some((at, DeValue::Integer(integer))) => (at, integer),
            Some((at, value)) => return self.wrong_type(at, field, value, "a whole number"),
        };
        let number = u16::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.found(at, format!("`{field}` must be from {least} to {most}"));
        }
        number.map(Some)
    }
}

#[cfg(test)]
mod tests;
