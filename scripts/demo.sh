#!/usr/bin/env bash
# The main job on one small day: payments are recorded, the acquirer's file is reconciled, merchants are paid, and all of it is
# proven. Every command is shown before it runs; what comes out is compared with fixtures/day/truth.json, which the simulator
# wrote with a bookkeeping of its own. Needs the release binary and PostgreSQL's server programs; uses a private database and
# leaves it, with the reports, in ./demo, which every run begins anew.
set -euo pipefail
cd "$(dirname "$0")/.."

binary=${ACQUIT:-${CARGO_TARGET_DIR:-target}/release/acquit}
day=fixtures/day
cutoff=2026-03-03
# A merchant with fees for events, VAT, and fees that go back with refunds.
explained=m-0005
out=demo
scratch=''

die() {
    echo "demo: $1" >&2
    exit 1
}

[ -x "$binary" ] || die "there is no $binary: run \`make demo\`, or \`cargo build --release\` first"
unset DATABASE_URL

stop() {
    local code=$?
    trap - EXIT
    "$binary" db stop >/dev/null 2>&1 || true
    if [ -n "$scratch" ]; then
        rm -rf "$scratch"
    fi
    exit "$code"
}

# Whether every directory above one may be entered by anybody: as root, PostgreSQL runs as another user.
reachable() {
    local directory=$1
    while :; do
        [ -n "$(find "$directory" -prune -perm -001)" ] || return 1
        [ "$directory" != / ] || return 0
        directory=$(dirname "$directory")
    done
}

# A clean directory, and a place for the database that whoever runs it can reach.
prepare() {
    if [ -d "$out/database" ]; then
        ACQUIT_DATA=$PWD/$out/database "$binary" db stop --now >/dev/null 2>&1 || true
    fi
    rm -rf "$out" 2>/dev/null || true
    if ! mkdir "$out" 2>/dev/null; then
        # Somebody else's: an earlier run as another user, or a checkout that is only to be read.
        out=$(mktemp -d "${TMPDIR:-/tmp}/acquit-demo.XXXXXX")
        chmod 755 "$out"
    fi
    ACQUIT_DATA=$(cd "$out" && pwd)/database
    if [ "$(id -u)" -eq 0 ] && ! reachable "$(cd "$out" && pwd)"; then
        scratch=$(mktemp -d /tmp/acquit-demo.XXXXXX)
        chmod 755 "$scratch"
        ACQUIT_DATA=$scratch/database
    fi
    export ACQUIT_DATA
    trap stop EXIT
    trap 'exit 130' INT TERM
}

# Shows a command and runs it; the first argument is the exit code that it must end with.
run() {
    local expected=$1 code=0
    shift
    printf '\n$ acquit %s\n' "$*"
    "$binary" "$@" || code=$?
    [ "$code" -eq "$expected" ] || die "\`acquit $*\` ended with exit code $code, not $expected"
}

say() {
    printf '\n# %s\n' "$1"
}

# Compares what was found with what the truth says; both are text, line by line.
agree() {
    [ -n "$2" ] || die "the truth says nothing about $1"
    if [ "$2" != "$3" ]; then
        printf 'the truth:\n%s\nfound:\n%s\n' "$2" "$3" >&2
        die "$1 are not those of $day/truth.json"
    fi
}

# `CLASS COUNT` of the planted breaks.
planted() {
    awk '/^  "breaks": \{/ { on = 1; next } on && /\}/ { exit } on { gsub(/[",:]/, ""); print $1, $2 }' "$day/truth.json" | sort
}

# `CLASS COUNT` of the breaks that were found.
found() {
    "$binary" breaks list --all --format csv | awk -F, 'NR > 1 { count[$2]++ } END { for (class in count) print class, count[class] }' | sort
}

# `LINE RULE` of the events that must be refused.
refused() {
    awk '
        /^  "refused": \[/ { on = 1; next }
        on && /^  \]/ { exit }
        on { gsub(/[",:]/, "") }
        on && $1 == "line" { line = $2 }
        on && $1 == "rule" { print line, $2 }
    ' "$day/truth.json" | sort
}

# The same of those that were.
rejected() {
    awk -F, 'NR > 1 { print $2, $3 }' "$out/rejects.csv" | sort
}

# What the truth says of one field of one of its parts.
told() {
    awk -v part="$1" -v field="$2" '
        $0 ~ "^  \"" part "\": \\{" { on = 1 }
        on { gsub(/[",]/, "") }
        on && $1 == field ":" && $2 != "{" { print $2; exit }
    ' "$day/truth.json"
}

# Minor units of a currency as decimal text.
decimal() {
    case $1 in
        JPY | KRW) echo "$2" ;;
        KWD) printf '%04d\n' "$2" | sed 's/...$/.&/' ;;
        *) printf '%03d\n' "$2" | sed 's/..$/.&/' ;;
    esac
}

# The amount that the truth sets aside, as decimal text.
set_aside() {
    decimal "$(told hold currency)" "$(told hold amount)"
}

# `MERCHANT CURRENCY DAY MINOR-UNITS` of what is advanced.
advanced() {
    awk '
        /^  "advances": \[/ { on = 1; next }
        on && /^  \]/ { exit }
        on { gsub(/[",]/, "") }
        on && $1 == "merchant:" { merchant = $2 }
        on && $1 == "currency:" { currency = $2 }
        on && $1 == "on:" { day = $2 }
        on && $1 == "payable:" { print merchant, currency, day, $2 }
    ' "$day/truth.json"
}

# The first payment of a merchant that is refunded.
refunded() {
    sed -n '/^{"kind":"refund","merchant":"'"$1"'","payment":"\([^"]*\)".*/{s//\1/p;q}' "$day/events.jsonl"
}

# `CURRENCY COUNT MINOR-UNITS` of the payouts that are due.
due() {
    awk '
        /^  "payouts": \{/ { there = 1 }
        there && /^    "totals": \{/ { on = 1; next }
        on && /^    \}/ { exit }
        on { gsub(/[",:{}]/, "") }
        on && $1 == "count" { count = $2 }
        on && $1 == "amount" { print currency, count, $2; next }
        on && NF == 1 { currency = $1 }
    ' "$day/truth.json" | sort
}

# The same of a bank file: its total rows, the decimal point taken out of their sums.
paid() {
    awk -F, '$1 == "total" { sub(/\./, "", $3); print $4, $5, $3 + 0 }' "$1" | sort
}

# `CURRENCY DEBITS CREDITS` of a trial balance, minor units; its columns are told by their names.
sums() {
    awk -F, '
        NR == 1 { for (place = 1; place <= NF; place++) column[$place] = place; next }
        $1 == "financial" {
            debits[$column["currency"]] += $column["balance_debit_minor"]
            credits[$column["currency"]] += $column["balance_credit_minor"]
        }
        END { for (currency in debits) printf "%s %.0f %.0f\n", currency, debits[currency], credits[currency] }
    ' "$1" | sort
}

# `CLASS COUNT` of what the proof of a day lists as missing in files.
missing_items() {
    awk -F, '$1 == "open" && $2 == 1 { for (cell = 1; cell <= NF; cell++) if ($cell == "MISSING_IN_FILE") count++ } END { print "MISSING_IN_FILE", count }'
}

prepare
say "A private PostgreSQL, for this demonstration only"
run 0 db start

say "On which days banks are open, and who we are: merchants, acquirers, prices; from the next day on, one merchant is suspended"
run 0 calendar import "$day/calendar.csv"
run 0 settings apply "$day/settings.toml"
run 0 settings apply "$day/settings-next-day.toml"

say "A day of payments, into the books (exit code 2: some break a rule, and are refused)"
run 2 record "$day/events.jsonl" --rejects "$out/rejects.csv"
say "The same file again is not the same money again"
run 2 record "$day/events.jsonl" --rejects "$out/rejects.csv"
agree "refused events" "$(refused)" "$(rejected)"

say "What a payment was charged, and why"
run 0 fees explain "$(refunded "$explained")" --merchant "$explained"

say "What may not be captured any more runs out; what the acquirer took all the same is a fact, and a break"
run 0 expire --cutoff "$(told expiry cutoff)" --execute
say "A file that claims what its captures come to, and was cut off on its way, is refused whole; then the file itself"
run 1 record "$day/events-cut.jsonl"
run 0 record "$day/events-late.jsonl"
run 0 velocity list

say "Who may have pending money before its file is there, has it, for a fee"
while read -r merchant currency on minor; do
    run 0 advance --merchant "$merchant" --currency "$currency" --up-to "$(decimal "$currency" "$minor")" --on "$on" --execute
done < <(advanced)

say "The acquirer's settlement file: first what would happen, then it happens (exit code 2: there are breaks)"
run 2 reconcile "$day/settlement.csv" --acquirer adyen
run 2 reconcile "$day/settlement.csv" --acquirer adyen --execute
say "The same content under another name, and a file that does not add up: neither posts anything (exit code 1)"
run 1 reconcile "$day/settlement-copy.csv" --acquirer adyen --execute
run 1 reconcile "$day/settlement-corrupt.csv" --acquirer adyen --execute
say "Phone carriers' files, of what was sold months ago"
for carrier in carrier-a carrier-b; do
    [ -f "$day/settlement-$carrier.csv" ] || continue
    run 0 reconcile "$day/settlement-$carrier.csv" --acquirer "$carrier" --execute
done
run 0 breaks list

say "What becomes available by the day of its sale, whatever the acquirer has reported"
run 0 release --on "$cutoff"
run 0 release --on "$cutoff" --execute

say "What somebody sets aside is not paid, until it expires"
place=(hold place --merchant "$(told hold merchant)" --currency "$(told hold currency)" --amount "$(set_aside)"
    --reason "complaints" --owner ann --on "$cutoff" --expires "$(told hold expires)" --execute)
run 0 "${place[@]}"

say "What merchants may be paid: planned by one person, approved by another, posted, then written for the bank"
run 0 payout plan --cutoff "$cutoff" --by ann
run 0 payout approve --cutoff "$cutoff" --by bob
run 0 payout instruct --cutoff "$cutoff" --on 2026-03-04 --out "$out" --execute

say "The bank's statement: what acquirers promised has come, and every batch is paid"
run 0 bank load "$day/statement.xml" --execute
say "What was in quarantine is given back to the acquirer; as long as it is there, no day is proven"
run 0 files reject settlement-corrupt.csv --by ann --reason "its total is not that of its lines"
say "Whether the day is proven: the books against items, files, batches and the bank (exit code 2: others' money is short)"
run 2 report proof --date "$cutoff"
agree "missing items" "$(planted | grep '^MISSING_IN_FILE ')" "$("$binary" report proof --date "$cutoff" --format csv | missing_items)"
say "By how much: what was sold in one currency and paid in another is short there until it is exchanged"
run 2 report safeguarding --date "$cutoff"

say "Life goes on: a refund that a reserve pays for, a chargeback, a phone bill that is not paid, or late"
run 0 record "$day/events-after.jsonl"

say "A month later nothing is withheld or set aside any more; what a merchant owes and cannot pay is given up, by two people"
run 0 release --on "$(told last_release on)" --execute
run 0 loss plan --merchant "$(told loss merchant)" --currency "$(told loss currency)" --reason insolvent --note "bankrupt" \
    --by ann --on "$(told loss on)"
run 0 loss approve 1 --by bob --on "$(told loss on)" --execute

say "Who promised fees in a month pays what is missing"
run 0 fees close --month "$(told month month)" --execute

say "The books, for an auditor"
for report in journal statement trial-balance reconciliation payouts fees; do
    run 0 report "$report" --out "$out/reports"
done
run 0 audit verify
run 0 report reconciliation
run 0 report payouts
run 0 report trial-balance

say "Compared with $day/truth.json"
agree "breaks" "$(planted)" "$(found)"
echo "each planted break was found once, and no other:"
found | sed 's/^/  /'
agree "payouts" "$(due)" "$(paid "$out/payouts-$cutoff-1.csv")"
echo "payouts are those that are due: currency, how many, minor units:"
due | sed 's/^/  /'
unequal=$(sums "$out/reports/trial_balance.csv" | awk '$2 != $3')
[ -z "$unequal" ] || die "the trial balance does not sum to zero: $unequal"
echo "the trial balance sums to zero in every currency: debits less credits, minor units:"
sums "$out/reports/trial_balance.csv" | awk '{ printf "  %s %.0f - %.0f = %.0f\n", $1, $2, $3, $2 - $3 }'

say "Written"
for file in "$out"/payouts-*.csv "$out"/rejects.csv "$out"/reports/*; do
    echo "  $file"
done
if [ -z "$scratch" ]; then
    first=$("$binary" breaks list --format csv | awk -F, 'NR == 2 { print $1 }')
    say "Look around: ACQUIT_DATA=$ACQUIT_DATA $binary breaks show $first"
fi
