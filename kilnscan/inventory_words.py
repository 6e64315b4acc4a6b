"""What `snakemake reconcile` says at its end: what became of every row, who has what, and how many all lists lack."""

from typing import Any

MOST_REASONS = 3


def in_words(record: dict[str, Any]) -> str:
    """The record (kilnscan.inventories.side_by_side) in lines to read."""
    lines = [f"reconcile: {record['places']} places that any list has; brackets hold 95 % intervals"]
    for name, told in record["lists"].items():
        lines += [f"  {name}: {_kilns(told['kilns'])}{_losses(told, record['copies_m'])}", *_reasons(told)]
    lines.append("  places by the lists that have them, and no other list:")
    lines += [f"  {count:>6} {pattern.replace('+', ' and ')}" for pattern, count in record["patterns"].items()]
    lines += [f"  {_pair(entry)}" for entry in record["agreement"] if entry["both"]]
    lines += _missing(record["missing"], record["compared_places"])
    return "\n".join([*lines, *(f"  but: {doubt}" for doubt in record["doubts"])])


def _kilns(count: int) -> str:
    return f"{count} kiln{'' if count == 1 else 's'}"


def _losses(told: dict[str, Any], copies_m: float) -> str:
    """What became of rows that are no kiln of the list; nothing of the atlas itself, which loses none."""
    if "rows" not in told:
        return ""
    left = {
        "refused": told["refused"],
        "joined to another as units of one plant": told["joined"],
        "outside the region": told["outside"],
        f"copies, within {copies_m:g} m of another": told["copies"],
    }
    words = ", ".join(f"{count} {what}" for what, count in left.items() if count)
    return f" of {told['rows']} rows" + (f"; left out: {words}" if words else "")


def _reasons(told: dict[str, Any]) -> list[str]:
    reasons = list(told.get("refused_because", {}).items())
    lines = [f"    refused {count}: {reason}" for reason, count in reasons[:MOST_REASONS]]
    more = sum(count for _, count in reasons[MOST_REASONS:])
    lines += [f"    refused {more} for other reasons"] if more else []
    return [*lines, "    row by row: inventories_rejected.csv"] if lines else []


def _pair(entry: dict[str, Any]) -> str:
    one, other = entry["lists"]
    same, typed = entry["same_type"]
    apart = f"{entry['distance_m']:.0f} m apart in the median"
    copied = f"{entry['within_1_m']} of them within 1 m (more than a few mean that one copied the other)"
    types = f"; types agree in {same} of {typed}" if typed else ""
    return f"{one} and {other}: {entry['both']} in both, {apart}, {copied}{types}"


def _missing(missing: dict[str, Any], places: int) -> list[str]:
    lines = [f"  all kilns, also those that no list has, from the {places} places on land that all lists cover:"]
    for pair, total in missing["chapman"].items():
        lines.append(f"    by {pair.replace('+', ' and ')} alone (Chapman): {_total(total)}")
    if missing["chao_lower_bound"]:
        lines.append(f"    at least, by all lists (Chao): {_total(missing['chao_lower_bound'])}")
    if model := missing["loglinear"]:
        low, high = model["between"]
        pairs = ", ".join(pair.replace("+", " and ") for pair in model["dependent"])
        allows = f"allows {pairs} to depend on each other" if pairs else "takes all lists for independent"
        near = f"it and {model['models'] - 1} that fit about as well say {low:.0f} to {high:.0f}"
        lines.append(f"    by the log-linear model that fits best, which {allows}: {_total(model)}")
        lines += [f"      {near}"] if model["models"] > 1 else []
    return lines


def _total(total: dict[str, Any] | None) -> str:
    if not total:
        return "nothing can be said, they have no kiln in common"
    return f"{total['value']:.0f} ({total['ci95'][0]:.0f} to {total['ci95'][1]:.0f})"
