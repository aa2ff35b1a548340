"""Checks a file for banks, or of banks, with programs that know nothing of acquit, and says what they read.

    check.py FILE

An ISO 20022 file is held to its published schema by xmllint. A pain.001 is then read by xmlschema, and a NACHA file by achkit, and
added up. Prints one JSON object: `payments`, each with `id`, `amount` (decimal text) and `account`, and `wrong`, what is not as it
must be. The exit code is 0 whenever the file could be looked at.
"""

import json
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import achkit
import sepaxml
import xmlschema

PAIN = Path(sepaxml.__file__).parent / "schemas"
# Found without importing the package, whose dependencies are not installed.
CAMT = PAIN.parent.parent / "camt053" / "xsd"


def by_schema(path, schema):
    """What xmllint says against a file."""
    lint = subprocess.run(
        ["xmllint", "--nonet", "--noout", "--schema", str(schema), str(path)], capture_output=True, text=True, check=False
    )
    return [] if lint.returncode == 0 else lint.stderr.splitlines()


def many(value):
    """A repeated element, which xmlschema gives as a list, or as itself where there is one."""
    return value if isinstance(value, list) else [value]


def amount_of(payment):
    """The instructed amount, read as a decimal."""
    stated = payment["Amt"]["InstdAmt"]
    return Decimal(str(stated["$"])), stated["@Ccy"]


def pain(path, schema):
    """Payments of a pain.001, and sums or counts that are not theirs."""
    read = xmlschema.XMLSchema(str(schema)).to_dict(str(path), decimal_type=str)
    head = read["CstmrCdtTrfInitn"]
    payments, wrong = [], []
    for batch in many(head["PmtInf"]):
        ours = many(batch["CdtTrfTxInf"])
        wrong += claims(batch, ours, f"batch {batch['PmtInfId']}")
        for one in ours:
            amount, currency = amount_of(one)
            account = one["CdtrAcct"]["Id"]
            account = account.get("IBAN") or account["Othr"]["Id"]
            payments.append({"id": one["PmtId"]["EndToEndId"], "amount": f"{amount} {currency}", "account": account})
    everything = [one for batch in many(head["PmtInf"]) for one in many(batch["CdtTrfTxInf"])]
    wrong += claims(head["GrpHdr"], everything, "the file")
    return payments, wrong


def claims(claimed, payments, where):
    """Where a count or a control sum is not that of these payments."""
    total = sum((amount_of(one)[0] for one in payments), Decimal(0))
    wrong = []
    if int(claimed["NbOfTxs"]) != len(payments):
        wrong.append(f"{where}: NbOfTxs is {claimed['NbOfTxs']}, there are {len(payments)}")
    if Decimal(str(claimed["CtrlSum"])) != total:
        wrong.append(f"{where}: CtrlSum is {claimed['CtrlSum']}, they come to {total}")
    return wrong


def nacha(text):
    """Payments of a NACHA file, and what achkit says against it."""
    wrong = [f"{error['field']}: {error['message']}" for error in achkit.validate(text)["errors"]]
    payments = []
    for batch in achkit.parse(text)["batches"]:
        for entry in batch["entries"]:
            amount = f"{Decimal(entry['amount_cents']) / 100:.2f} USD"
            payments.append({"id": entry["id_number"], "amount": amount, "account": f"{entry['routing']} {entry['account']}"})
    return payments, wrong


def main():
    path = Path(sys.argv[1])
    text = path.read_text(encoding="utf-8")
    form = re.search(r'xmlns="urn:iso:std:iso:20022:tech:xsd:((pain|camt)\.[0-9.]+)"', text)
    payments = []
    if form is None:
        payments, wrong = nacha(text)
    else:
        schema = (PAIN if form[2] == "pain" else CAMT) / f"{form[1]}.xsd"
        wrong = by_schema(path, schema)
        if not wrong and form[2] == "pain":
            payments, wrong = pain(path, schema)
    print(json.dumps({"payments": payments, "wrong": wrong}, indent=1))


main()
