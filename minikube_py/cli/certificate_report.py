"""What `certificate check` says of certificates, in k3s's forms.

Source: k3s pkg/cli/cert/cert.go, pkg/util/cert.go; github.com/dustin/go-humanize times.go (RelTime)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

WARN_DAYS = 120
COLUMNS = ("FILENAME", "SUBJECT", "USAGES", "EXPIRES", "RESIDUAL TIME", "STATUS")
_DISTANCE = 3
_EXTENDED = {ExtendedKeyUsageOID.CLIENT_AUTH: "ClientAuth", ExtendedKeyUsageOID.SERVER_AUTH: "ServerAuth"}
_MINUTE, _HOUR, _DAY, _WEEK, _MONTH, _YEAR = 60, 3600, 86400, 604800, 2592000, 31104000
# (below so many seconds, what is said, seconds of one).
_MAGNITUDES = (
    (1, "now", 1), (2, "1 second", 1), (_MINUTE, "{} seconds", 1), (2 * _MINUTE, "1 minute", 1), (_HOUR, "{} minutes", _MINUTE),
    (2 * _HOUR, "1 hour", 1), (_DAY, "{} hours", _HOUR), (2 * _DAY, "1 day", 1), (_WEEK, "{} days", _DAY), (2 * _WEEK, "1 week", 1),
    (_MONTH, "{} weeks", _WEEK), (2 * _MONTH, "1 month", 1), (_YEAR, "{} months", _MONTH), (18 * _MONTH, "1 year", 1),
    (2 * _YEAR, "2 years", 1), (37 * _YEAR, "{} years", _YEAR),
)


@dataclass(frozen=True)
class Certificate:
    """One certificate of a file.

    Attributes:
        expires: its end, or its beginning if that is to come.
        residual: until its end, negative after it.
        status: "OK", "WARNING", "EXPIRED" or "NOT YET VALID".
    """

    filename: str
    subject: str
    issuer: str
    usages: tuple[str, ...]
    expires: datetime
    residual: timedelta
    status: str

    def sentence(self) -> str:
        head = f"{self.filename}: certificate {self.subject} ({','.join(self.usages)})"
        moment = f"{self.expires:%Y-%m-%dT%H:%M:%SZ}"
        match self.status:
            case "NOT YET VALID":
                return f"{head} is not valid before {moment}"
            case "EXPIRED":
                return f"{head} expired at {moment}"
            case "WARNING":
                return f"{head} will expire within {WARN_DAYS} days at {moment}"
        return f"{head} is ok, expires at {moment}"

    def row(self) -> tuple[str, ...]:
        expires = f"{self.expires:%b %d, %Y %H:%M} UTC"
        return self.filename, self.subject, ",".join(self.usages), expires, residual_time(self.residual), self.status


def read(path: Path, now: datetime) -> list[Certificate]:
    """The certificates of a file, none if it is not there. Raises: ValueError if it holds something else."""
    try:
        pem = path.read_bytes()
    except FileNotFoundError:
        return []
    return [_looked_at(path.name, certificate, now) for certificate in x509.load_pem_x509_certificates(pem)]


def _looked_at(filename: str, certificate: x509.Certificate, now: datetime) -> Certificate:
    since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    expires = until
    if now < since:
        status, expires = "NOT YET VALID", since
    elif now > until:
        status = "EXPIRED"
    else:
        status = "WARNING" if now + timedelta(days=WARN_DAYS) > until else "OK"
    subject, issuer = _common_name(certificate.subject), _common_name(certificate.issuer)
    return Certificate(filename, subject, issuer, tuple(_usages(certificate)), expires, until - now, status)


def _common_name(name: x509.Name) -> str:
    return "".join(str(attribute.value) for attribute in name.get_attributes_for_oid(NameOID.COMMON_NAME)[-1:])


def _usages(certificate: x509.Certificate) -> Iterable[str]:
    extensions = certificate.extensions
    try:
        if extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign:
            yield "CertSign"
    except x509.ExtensionNotFound:
        pass  # Then it may be used for anything, and says nothing of that.
    try:
        yield from (_EXTENDED[oid] for oid in extensions.get_extension_for_class(x509.ExtendedKeyUsage).value if oid in _EXTENDED)
    except x509.ExtensionNotFound:
        return


def residual_time(residual: timedelta) -> str:
    """How far away a moment is, in one unit."""
    seconds = int(abs(residual.total_seconds()))
    for below, text, one in _MAGNITUDES:
        if seconds < below:
            return text.format(seconds // one)
    return "a long while"


def table(found: Sequence[Certificate]) -> str:
    rows = [COLUMNS, tuple("-" * len(title) for title in COLUMNS), *(certificate.row() for certificate in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["".join(cell.ljust(width + _DISTANCE) for cell, width in zip(row[:-1], widths, strict=False)) + row[-1] for row in rows]
    return "\n" + "\n".join(lines)


def as_json(found: Sequence[Certificate]) -> str:
    """As Go encodes it: durations are nanoseconds."""
    rows = [{
        "Filename": one.filename, "Subject": one.subject, "Issuer": one.issuer, "Usages": one.usages,
        "ExpiryTime": f"{one.expires:%Y-%m-%dT%H:%M:%SZ}", "ResidualTime": int(one.residual.total_seconds() * 1e9), "Status": one.status,
    } for one in found]
    return msgspec.json.encode({"Certificates": rows}).decode()


def as_yaml(found: Sequence[Certificate]) -> str:
    import yaml

    rows = [{
        "filename": one.filename, "subject": one.subject, "issuer": one.issuer, "usages": [*one.usages], "expirytime": one.expires,
        "residualtime": _go_duration(one.residual), "status": one.status,
    } for one in found]
    text: str = yaml.safe_dump({"certificates": rows}, sort_keys=False)
    return text.rstrip()


def _go_duration(span: timedelta) -> str:
    seconds = int(abs(span.total_seconds()))
    sign = "-" if span < timedelta(0) else ""
    return f"{sign}{seconds // _HOUR}h{seconds % _HOUR // _MINUTE}m{seconds % _MINUTE}s"
