"""The commands about models on devices; each loads what it uses as it runs."""

from typer.core import TyperGroup

from tidegraph.cli.commands import Later

app = TyperGroup(
    name="device",
    no_args_is_help=True,
    help="Models on devices.",
    commands=[
        Later(
            "export",
            "tidegraph.cli.devices.exporting:export",
            "Write what devices download: graphs, weights and a signed manifest.",
        ),
        Later(
            "serve-gate",
            "tidegraph.cli.devices.serving:serve_gate",
            "Serve a bundle to devices, and take in what they learnt, until "
            "interrupted.",
        ),
        Later(
            "simulate",
            "tidegraph.cli.devices.simulating:simulate",
            "Train a recipe's pipeline, and let devices and cloud learn from the test "
            "part.",
        ),
        Later(
            "demo",
            "tidegraph.cli.devices.demonstration:demo",
            "Train a model on real items, and open a page where a browser makes it its "
            "own.",
        ),
        Later(
            "ticket",
            "tidegraph.cli.devices.operating:ticket",
            "Print a ticket, with which one device may enrol.",
        ),
        Later(
            "revoke",
            "tidegraph.cli.devices.operating:revoke",
            "Take nothing more of a device, and drop what it sent.",
        ),
        Later(
            "erase",
            "tidegraph.cli.devices.operating:erase",
            "Forget a device with its key and all that it sent; its name is not used "
            "again.",
        ),
    ],
)
