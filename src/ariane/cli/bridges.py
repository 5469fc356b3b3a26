"""`ariane bridge`."""

from __future__ import annotations

from pathlib import Path

import click

from ariane.cli.options import workspace_option


@click.command()
@click.argument("kind", type=click.Choice(["mqtt"]))
@click.argument("address", metavar="HOST[:PORT]")
@click.option("--topic", "topics", multiple=True, required=True, help="Such as 'home/{home}/lamp/{object_serial}/#'.")
@click.option("--event", "events", multiple=True, metavar="WORD=NAME", help="What a word of the topic is called here.")
@click.option("--name", default="mqtt", show_default=True, help="Of the events' source, and of the log's partition.")
@click.option("--username", default="", help="Who to connect as; the password is in ARIANE_MQTT_PASSWORD.")
@click.option("--tls", is_flag=True, help="Speak TLS.")
@workspace_option
def bridge(
    path: Path,
    as_json: bool,
    kind: str,
    address: str,
    topics: tuple[str, ...],
    events: tuple[str, ...],
    name: str,
    username: str,
    tls: bool,
) -> None:
    """Follow the topics of an MQTT broker until Ctrl-C. Each message becomes an event, acknowledged once it is on disk;
    what is published while nobody follows waits at the broker. 'ariane serve' follows those of ariane.toml."""
    import os
    import signal
    import threading

    from ariane.cli.options import emit
    from ariane.ingest.bridges import Bridge
    from ariane.settings import Bridge as Settings
    from ariane.store import Stores

    if unreadable := [text for text in events if "=" not in text]:
        raise click.BadParameter(f"'{unreadable[0]}' is not WORD=NAME, such as on='Product Used'.")
    given = Settings(
        address=address,
        topics=topics,
        events={word: called for word, _, called in (text.partition("=") for text in events)},
        username=username,
        password=os.environ.get("ARIANE_MQTT_PASSWORD", ""),
        tls=tls,
    )
    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    stores = Stores(path)
    followed = Bridge(stores.log, stores.path, name, given)
    followed.start()
    try:
        while not told.wait(1.0):
            pass
    finally:
        followed.stop()
        stores.close()
    counts = {"written": followed.n_written, "again": followed.n_again, "retained": followed.n_retained}
    if as_json:
        emit(counts)
    else:
        click.echo(
            f"{counts['written']:,} messages written, {counts['again']:,} delivered again and not written twice."
        )
