"""`inspect` and `formats`: what is in an export, and what can be read."""

import json
from pathlib import Path

import click

from ui.commands.reading import PATH, columns_option, format_option, order_option, told_columns, zone_of, zone_option
from ui.options import Call, common
from ui.show import typed


@click.command(epilog="Example: clone-agent inspect chat.txt")
@click.argument("path", type=PATH)
@click.option("--messages", is_flag=True, help="Add the messages themselves.")
@format_option
@zone_option
@order_option
@columns_option
@common
def inspect(
    call: Call, path: Path, messages: bool, format_name: str | None, timezone: str | None, order_name: str | None, columns: str | None
) -> None:
    """Show what is in an export, storing nothing."""
    from clone_agent.importers.dates import Order
    from clone_agent.importers.inspect import inspect as look_into

    order = Order(order_name) if order_name else None
    found = look_into(path, timezone=zone_of(call, timezone), format_name=format_name, columns=told_columns(columns), date_order=order)
    fields = found.to_json(messages=messages)
    if call.screen.as_json:
        call.screen.result(fields)
    else:
        _print_inspection(call, fields)
        call.screen.next(f"clone-agent import {typed(path)}")


@click.command(epilog="Example: clone-agent formats")
@common
def formats(call: Call) -> None:
    """List the export formats that are read, and how to make each."""
    from clone_agent.importers.table import FORMATS

    call.screen.result({"formats": [{"name": one.name, "title": one.title, "how_to_export": one.how_to_export} for one in FORMATS]})
    if not call.screen.as_json:
        call.screen.table(("name", "what", "how to export"), [(one.name, one.title, one.how_to_export) for one in FORMATS])


def _print_inspection(call: Call, fields: dict[str, object]) -> None:
    """Print what `Inspection.to_json` holds, for people."""
    screen, plain = call.screen, json.loads(json.dumps(fields, default=str))
    screen.say(f"Format: {plain['format']}")
    rows = [
        (chat["name"], chat["kind"], f"{chat['messages']:,}", len(chat["senders"]), _date(chat["first"]), _date(chat["last"]))
        for chat in plain["chats"]
    ]
    screen.table(("chat", "kind", "messages", "people", "first", "last"), rows, numbers=(2, 3))
    for chat in plain["chats"] if len(plain["chats"]) == 1 else []:
        senders = [
            (
                one["name"],
                one["id"] or "–",
                f"{one['messages']:,}",
                "you" if chat["owner"] and chat["owner"] in (one["id"], one["name"]) else "",
            )
            for one in chat["senders"]
        ]
        screen.table(("sender", "id", "messages", ""), senders, numbers=(2,))
        screen.say(", ".join(f"{number:,} {kind}" for kind, number in chat["kinds"].items()))
        for message in chat.get("message_list", []):
            screen.say(f"{message['sent_at']}  {message['sender_name']}: {message['text'] or '[' + message['kind'] + ']'}")
    for reason, number in plain["skipped"].items():
        screen.say(f"{number:,} skipped: {reason}")


def _date(value: str | None) -> str:
    return (value or "–")[:10]
