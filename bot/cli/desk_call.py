"""One POST to the admin port of the desk on a data folder. Waits for the answer, repeats nothing."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from bot.admin_port import ADMIN_FILE
from bot.doctor_reads import holder

ANSWER_WITHIN_S = 40
"""Longer than the desk waits for its own answers and for the venue's judgement of an order."""


class NoDeskError(Exception):
    """No desk answers on this data folder; `found` is why, without what to do about it."""

    def __init__(self, text: str, found: str) -> None:
        super().__init__(text)
        self.found = found


class DeskRefusedError(Exception):
    """The desk answered that it did not do it; the text is its sentence."""


def call_desk(data_dir: Path, path: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answer's JSON; raises NoDeskError, or DeskRefusedError with the desk's sentence."""
    url, token = _address(data_dir)
    try:
        status, body = asyncio.run(_post(url + path, token, fields))
    except TimeoutError:
        raise DeskRefusedError(
            f"expected the desk's answer within {ANSWER_WITHIN_S} s, found none: whether it acted is not "
            f"known; look at `dutchdesk orders --data {data_dir}`"
        ) from None
    except aiohttp.ClientError as error:
        raise _nobody(data_dir, f"its port does not answer ({type(error).__name__})") from None
    if status != 200 or not isinstance(body, dict):
        said = body.get("error") if isinstance(body, dict) else None
        raise DeskRefusedError(str(said or f"expected a desk's answer, found status {status}"))
    return body


def _address(data_dir: Path) -> tuple[str, str]:
    file = data_dir / ADMIN_FILE
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return str(told["url"]), str(told["token"])
    except FileNotFoundError:
        raise _nobody(data_dir, f"there is no {ADMIN_FILE}") from None
    except PermissionError:
        raise _nobody(data_dir, f"{ADMIN_FILE} belongs to another user: act as that one") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _nobody(data_dir, f"{ADMIN_FILE} cannot be read ({error})") from None


def _nobody(data_dir: Path, found: str) -> NoDeskError:
    """Return the error; a folder that is held belongs to a desk that has no port yet, or none any more."""
    who = holder(data_dir)
    if who:
        found = f"{found}, but {who} holds the folder: it is starting, ending, or hangs"
        onward = "try again in a few seconds"
    else:
        onward = "start it with `dutchdesk run-service`"
    return NoDeskError(f"expected a running desk on {data_dir}, found none: {found}; {onward}", found)


async def _post(url: str, token: str, fields: Mapping[str, Any]) -> tuple[int, Any]:
    timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(timeout=timeout, trust_env=False) as session,
        session.post(url, json=dict(fields), headers=headers, allow_redirects=False) as answer,
    ):
        try:
            return answer.status, await answer.json(content_type=None)
        except ValueError:  # somebody else's port by now: the desk of that file is gone
            return answer.status, None
