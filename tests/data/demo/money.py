"""Money on its way: allocations and the receipts that answer them, matching money, spending, budgets, filings."""

from book import CENSUS, PAY_PROGRAMME, UNIONS, add, data, prefix, yuan
from ident import credit_code
from workday import payday

serials = {}


def bank_serial(day):
    serials[day] = serials.get(day, 0) + 1
    return "YS%s%04d" % (day.replace("-", ""), serials[day])


def numbered(union, kind, letter):
    return "%s-%s-%02d" % (prefix(union), letter, len(data[union][kind]) + 1)


def source(payer, programme, on):
    """What is passed on: the last that came to the payer of that programme by then."""
    come = [row for rows in data.values() for row in rows["allocation"]
            if row["to_union"] == payer and row["programme"] == programme and row["paid_on"] <= on and "reverses" not in row]
    return "@" + max(come, key=lambda row: row["paid_on"])["key"] if come else ""


def allocate(payer, payee, programme, amount, paid_on, heads="", factor=""):
    n = len(data[payer]["allocation"]) + 1
    row = dict(
        key=numbered(payer, "allocation", "a"), to_union=payee, no="%s拨演%d-%03d" % (UNIONS[payer][1], 2025, n),
        programme=programme, year=2025, amount=yuan(amount), from_allocation=source(payer, programme, paid_on),
        basis_heads=heads, basis_factor=factor,
        doc_no="%s工财演〔%s〕%d号" % (UNIONS[payer][1], paid_on[:4], n), paid_on=paid_on, bank_serial=bank_serial(paid_on),
        subject="50802")
    add(payer, "allocation", **row)
    return row


def call_back(payer, allocation, paid_on, reason):
    back = dict(allocation, key=numbered(payer, "allocation", "a"), no=allocation["no"] + "冲", paid_on=paid_on,
                amount="-" + allocation["amount"], bank_serial=bank_serial(paid_on), reason=reason,
                reverses="@" + allocation["key"], basis_heads="", basis_factor="")
    add(payer, "allocation", **back)
    return back


def receive(union, programme, amount, received_on, serial, remitter, allocation=""):
    return add(union, "fund_receipt", key=numbered(union, "fund_receipt", "f"), programme=programme, year=2025,
               amount=yuan(amount), received_on=received_on, bank_serial=serial, subject="40302", remitter=remitter,
               allocation="@" + allocation if allocation else "")


def pass_on(payer, payee, programme, amount, paid_on, received_on, heads="", factor=""):
    """An allocation and the receipt that answers it."""
    a = allocate(payer, payee, programme, amount, paid_on, heads, factor)
    f = receive(payee, programme, amount, received_on, a["bank_serial"], UNIONS[payer][2], a["key"])
    return a["key"], f


def match(union, amount, booked_on):
    n = len(data[union]["matching"]) + 1
    return add(union, "matching", key="%s-p-%02d" % (prefix(union), n), programme=PAY_PROGRAMME, year=2025,
               amount=yuan(amount), booked_on=booked_on, source="本级配套",
               doc_no="%s工配演〔2025〕%d号" % (UNIONS[union][1], n), voucher_no="2025-配-%03d" % n)


SUBJECT = {"薪酬或补贴": "50504", "办公条件": "50602", "交通": "50602", "伙食": "50602", "差旅": "50602", "保险": "50601",
           "通信": "50602", "培训": "50501", "购买岗位或服务": "50602"}
SUPPLIERS = {"办公条件": "文印", "交通": "客运", "伙食": "餐饮", "差旅": "商旅", "保险": "保险", "通信": "通信", "培训": "培训中心",
             "购买岗位或服务": "咨询"}


def invoice(number, total, invoiced_on, code=""):
    """With a code an ordinary VAT invoice; a fully digital one has only its number, of twenty digits."""
    return dict(invoice_type="增值税普通发票" if code else "数电发票", invoice_code=code, invoice_no=number,
                invoice_total=yuan(total), invoice_on=invoiced_on)


def spend(union, programme, category, amount, paid_on, memo, bill=None, supplier_of=None, **more):
    n = 1 + sum(1 for row in data[union]["expenditure"] if "-x-" in row["key"])
    whose = supplier_of or union
    if bill is None:
        bill = invoice("25%s2%s%09d" % (union[:2], union, n), amount, paid_on)
    row = dict(
        key="%s-x-%02d" % (prefix(union), n), programme=programme, year=2025, category=category,
        subject=more.pop("subject", SUBJECT[category]), amount=yuan(amount), paid_on=paid_on,
        payee_name=UNIONS[whose][1] + "演示" + SUPPLIERS[category] + "有限公司",
        payee_uscc=credit_code("91", whose, "XN8%05d" % list(SUPPLIERS).index(category)), method="转账", memo=memo,
        **bill, **more)
    add(union, "expenditure", **row)
    return row


def pay(union, number, month, amount, paid_on=None, shares=(), memo=""):
    who, served = prefix(union), "2025-%02d" % month
    key = add(union, "expenditure", key="%s-y-%02d-%03d" % (who, month, number), programme=PAY_PROGRAMME, year=2025,
              category="薪酬或补贴", subject="50504", amount=yuan(amount), paid_on=paid_on or payday(2025, month),
              service_month=served, payee_mediator="@%s-m-%03d" % (who, number), method="转账", memo=memo)
    for payer, share, part in shares:
        add(union, "expenditure.shares", of=key, payer=payer, share=share, amount=yuan(part))
    return key


def budget(union, programme, lines, approved_on="2025-01-06"):
    n = len(data[union]["budget"]) + 1
    key = add(union, "budget", key="%s-b-%02d" % (prefix(union), n), programme=programme, year=2025,
              approved_on=approved_on, doc_no="%s工预演〔2025〕%d号" % (UNIONS[union][1], n))
    for category, amount in lines:
        add(union, "budget.lines", of=key, category=category, subject=SUBJECT[category], amount=yuan(amount))
    return key


def file_report(union, kind, note, declare_funded=""):
    return add(union, "filing", key="%s-d-%02d" % (prefix(union), len(data[union]["filing"]) + 1), type=kind, year=2025,
               census_on=CENSUS, note=note, declare_funded=declare_funded)
