"""`graph-crm token`: a signed token for trying the API, where tokens are made here at all."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from graph_crm.cli.console import note, say
from graph_crm.security.roles import Role


def token(
    role: Annotated[Role, typer.Option(help="What the caller is; docs/operations.md says what each role may do.")],
    party: Annotated[str | None, typer.Option(help="Id of the caller's own party; a customer needs one.")] = None,
    subject: Annotated[
        str | None,
        typer.Option(
            help="Name of the person or system, for the audit.",
            show_default="demo:ROLE, of a customer demo:customer:PARTY",
        ),
    ] = None,
    hours: Annotated[
        float | None, typer.Option(min=0.01, max=8760, help="Valid so long.", show_default="setting token_hours")
    ] = None,
) -> None:
    """Print a signed token for the demo or for development; elsewhere your identity provider makes them.

    Example: curl -H "Authorization: Bearer $(graph-crm token --role agent)" ...
    """
    from graph_crm.errors import ConfigurationError
    from graph_crm.security.issuers import takes_hs256
    from graph_crm.security.tokens import demo_secret, issue, signing_secret
    from graph_crm.settings import load

    settings = load()
    configured = settings.jwt_secret.get_secret_value() if settings.jwt_secret else None
    of_demo = demo_secret(settings.data_dir, create=False)
    if configured is not None and of_demo is None and not takes_hs256(settings):
        raise ConfigurationError(
            "No server takes a token that is made here: tokens signed with the shared secret are not taken.",
            hint="Ask your identity provider, or make an account (`graph-crm account add`); "
            "for development set GRAPH_CRM_JWT_HS256=true here and at the server.",
        )
    if configured is None and of_demo:
        note("Signed with the demo's secret: valid for the demo on this machine only.")
    say(
        issue(
            signing_secret(configured, settings.data_dir, demo=True),
            role,
            # Each customer is somebody: a budget and keys of writes belong to the subject.
            subject=subject or (f"demo:{role}:{party}" if party and role is Role.CUSTOMER else None),
            party_id=party,
            lifetime=timedelta(hours=hours or settings.token_hours),
            issuer=settings.jwt_issuer,
            audience=settings.jwt_audience,
        )
    )
