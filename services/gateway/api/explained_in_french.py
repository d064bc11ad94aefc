"""An explanation as a producer reads it, in French."""

from datetime import date, datetime

from services.gateway.domain.explanation import Change, Step, StepName
from services.gateway.views.explaining import Grounds
from shared.kernel.calendar import paris_day
from shared.kernel.french import euros, french_day, french_month, percent

KINDS = {"SERVICE": "Frais de service", "PAYMENT": "Frais de paiement en ligne"}
FORMULAS = {"FLEXIBLE": "FLEXIBLE", "ENGAGEE": "ENGAGÉE"}
CHANNELS = {"ONLINE": "paiement en ligne", "ON_SITE": "règlement sur place"}
REASONS = {
    "INTEGRATION_ENROLMENT": "inscription à la formation d'intégration {session}",
    "COMPLETED_TRAINING": "formation {session} suivie",
    "SWITCH": "formation {session} suivie avant le changement d'offre",
}
CHANGES = {
    "validation_no": "la distribution a été revalidée (n° {before} → n° {after})",
    "sales_cents": "les ventes sont passées de {before} à {after}",
    "channel": "le règlement est passé de « {before} » à « {after} »",
    "formula": "la formule du jour est passée de {before} à {after}",
    "tariff_version": "le tarif est passé de la version {before} à la version {after}",
    "first_validated_at": "la première validation est connue au {after}",
    "held": "le contrôle des paiements est passé de « {before} » à « {after} »",
}


def text(found: Grounds) -> str:
    """The whole explanation, one sentence per line."""
    fee, sale = found.fee, found.rating
    market = " ".join(sale["market_name"].split())
    head = (
        f"{KINDS[fee['kind']]} : {euros(fee['amount_cents'])} HT, distribution "
        f"{fee['distribution_id']} du {_day(sale['day'])} ({market})."
    )
    lines = [head, _place(found), _sale(found), _formula(found), _tariff(found)]
    lines += [step_text(step, found) for step in found.explanation.steps]
    if fee["corrects"]:
        changes = ", ".join(_change(change) for change in found.explanation.changes)
        lines.append(f"Correction de {fee['corrects']} : {changes or 'déplacement de la somme'}.")
    return "\n".join(lines)


def step_text(step: Step, found: Grounds) -> str:
    """One step of the arithmetic."""
    fee, sales = found.fee, found.rating["sales_cents"]
    listed = " + ".join(f"{euros(f.amount_cents)} ({f.fee_id})" for f in step.fees)
    if step.name is StepName.DUE:
        if found.rating["channel"] != fee["channel"]:
            return f"Dû en {CHANNELS[fee['channel']]} : {euros(0)}, la vente n'y est plus."
        rate = percent(fee["rate_bp"])
        return f"Dû : {euros(sales)} × {rate} = {euros(step.cents)}, arrondi au centime."
    if step.name is StepName.STANDING_ELSEWHERE:
        return f"Compté ailleurs : {listed or 'rien'} = {euros(step.cents)}."
    if step.name is StepName.STANDING_HERE:
        return f"Déjà compté ici : {listed or 'rien'} = {euros(step.cents)}."
    due, elsewhere, here, _ = (euros(s.cents) for s in found.explanation.steps)
    return f"Reste : {due} − {elsewhere} − {here} = {euros(step.cents)}."


def _place(found: Grounds) -> str:
    fee = found.fee
    if fee["monday"]:
        return f"Prélevé à la source sur le virement du {_day(fee['monday'])}."
    return f"Facturé pour {french_month(fee['month'])}."


def _sale(found: Grounds) -> str:
    sale = found.rating
    sold = f"Ventes TTC : {euros(sale['sales_cents'])}, {CHANNELS[sale['channel']]}"
    return f"{sold}, validation n° {sale['validation_no']}."


def _formula(found: Grounds) -> str:
    formula, span = FORMULAS[found.rating["formula"]], found.rating["span"]
    if span is None:
        return f"Formule {formula} ce jour-là : aucune formation ne couvre ce jour."
    reason = REASONS[span["reason"]].format(session=span["session_id"])
    days = f"du {_day(span['from_on'])} au {_day(span['until_on'])}"
    return f"Formule {formula} ce jour-là : {reason}, {days}."


def _tariff(found: Grounds) -> str:
    since, version = _day(found.tariff["from_on"]), found.tariff["version"]
    return f"Tarif : version {version}, en vigueur depuis le {since}."


def _change(change: Change) -> str:
    before, after = change.before, change.after
    if change.what == "sales_cents":
        before, after = euros(int(before)), euros(int(after))
    elif change.what == "formula":
        before, after = FORMULAS[before], FORMULAS[after]
    elif change.what == "channel":
        before, after = CHANNELS[before], CHANNELS[after]
    elif change.what == "first_validated_at":
        after = french_day(paris_day(datetime.fromisoformat(after)))
    elif change.what == "held":
        before, after = (word.replace("None", "conforme") for word in (before, after))
    return CHANGES[change.what].format(before=before, after=after)


def _day(day: str) -> str:
    return french_day(date.fromisoformat(day))
