"""The HTTP client, made of what the environment says of proxies and certificates.

httpx reads these variables itself, but fails with a traceback at a value that it doesn't take, even of a proxy that
isn't for this address; and it takes less than curl does: no network (`10.0.0.0/8`) and no `[::1]` in `NO_PROXY`.
"""

import ipaddress
import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import getproxies

import certifi
import httpcore
import httpx
from socksio.exceptions import SOCKSError

from common.errors import CommandError
from common.text import visible, without_password

PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
KEY_LOG = "SSLKEYLOGFILE"
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Proxy:
    """A proxy, and the variable that names it."""

    variable: str
    url: str

    def __str__(self) -> str:
        return f"{self.variable}={without_password(self.url)}"

    def checked(self, context: ssl.SSLContext) -> httpx.Proxy:
        """Return it as the client takes it. Raises CommandError if it is none."""
        scheme = self.url.partition("://")[0].lower()
        if scheme not in PROXY_SCHEMES:
            hint = ", which is SOCKS 4 to some and SOCKS 5 to others" if scheme == "socks" else ""
            known = ", ".join(f"{name}://" for name in PROXY_SCHEMES)
            raise CommandError(
                f"{self}: {visible(scheme)}:// is no kind of proxy that is known{hint}: use {known}, or unset it"
            )
        try:
            proxy = httpx.Proxy(self.url, ssl_context=context if scheme == "https" else None)
            host, port = proxy.url.host, proxy.url.port
            _ = host.encode("idna")
        except (httpx.InvalidURL, ValueError):
            host, port, proxy = "", None, None
        if not proxy or not host or re.search(r"[\s%]", host) or (port is not None and not 0 < port < 65536):
            raise CommandError(f"{self} is no proxy's address: write {scheme}://HOST:PORT, or unset it")
        return proxy


def http_client(url: str, headers: Mapping[str, str], timeout: httpx.Timeout) -> httpx.Client:
    """Return a client for one address, which keeps to the environment's proxies and certificates.

    Raises CommandError, which names the variable, if a value can't be used.
    """
    proxy = proxy_for(url)
    transport = _Transport(_trusted_authorities(), proxy)
    return httpx.Client(base_url=url, headers=headers, timeout=timeout, transport=transport, trust_env=False)


# Proxies


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy for an address: that of its scheme, else that for all; none if `NO_PROXY` names the host."""
    address = httpx.URL(url)
    proxies = getproxies()  # of the environment, in both cases; else the system's
    scheme = next((name for name in (address.scheme, "all") if proxies.get(name)), None)
    if scheme is None or _goes_by(address, proxies.get("no", "")):
        return None
    value = proxies[scheme].strip()
    names = [f"{scheme}_proxy", f"{scheme}_PROXY".upper()]
    variable = next((name for name in names if os.environ.get(name)), "the system's proxy")
    return Proxy(variable, value if "://" in value else f"http://{value}")


def _goes_by(address: httpx.URL, no_proxy: str) -> bool:
    """Tell whether a request goes by the proxies: whether an entry of `NO_PROXY` names the host, as curl reads it.

    An entry is a name, for it and what is below it, an address, a network, or `*`; a port may follow, and brackets
    may stand around an IPv6 address. What is none of these names nothing.
    """
    entries = [entry for entry in re.split(r"[,\s]+", no_proxy.lower()) if entry]
    return any(entry == "*" or _names(entry, address) for entry in entries)


def _names(entry: str, address: httpx.URL) -> bool:
    scheme, separator, rest = entry.rpartition("://")
    if separator and scheme not in ("all", address.scheme):
        return False
    host = _literal(address.host)
    if (network := _network(rest)) is not None:
        return host is not None and host in network
    name, colon, port = rest.rpartition(":")
    if colon and port.isdecimal() and _literal(rest) is None:
        if int(port) != (address.port or _DEFAULT_PORTS.get(address.scheme)):
            return False
        rest = name
    if (literal := _literal(rest)) is not None or host is not None:
        return literal == host
    domain = rest.removeprefix("*").strip(".")
    return bool(domain) and (address.host == domain or address.host.endswith(f".{domain}"))


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    base, slash, length = entry.partition("/")
    try:
        return ipaddress.ip_network(f"{base.strip('[]')}/{length.strip(']')}", strict=False) if slash else None
    except ValueError:
        return None


class _Transport(httpx.HTTPTransport):
    """A transport that names the proxy in what goes wrong on the way to it."""

    def __init__(self, context: ssl.SSLContext, proxy: Proxy | None):
        self._proxy = proxy
        super().__init__(verify=context, trust_env=False, proxy=proxy.checked(context) if proxy else None)
        if isinstance(self._pool, httpcore.SOCKSProxy):
            vars(self._pool)["_network_backend"] = _Impatient()  # for which httpx has no argument

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return super().handle_request(request)
        except (SOCKSError, AssertionError) as error:  # so httpcore reports an answer that isn't SOCKS
            raise httpx.ProxyError(f"{self._proxy} doesn't speak SOCKS 5", request=request) from error
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            if self._proxy is None:
                raise
            raise type(error)(f"{error or 'no answer'} (through {self._proxy})", request=request) from error


class _Impatient(httpcore.SyncBackend):
    """Connections that no read is waited for without end: httpcore so waits for what a SOCKS proxy says first."""

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *_args: Any, **_options: Any
    ) -> "_Stream":
        return _Stream(super().connect_tcp(host, port, timeout), timeout)


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream, greeting_seconds: float | None):
        self._stream = stream
        self._greeting_seconds = greeting_seconds

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if timeout is not None:
            return self._stream.read(max_bytes, timeout)
        try:
            return self._stream.read(max_bytes, self._greeting_seconds)
        except httpcore.ReadTimeout as error:
            raise httpcore.ProxyError("it doesn't answer, as if it didn't speak SOCKS 5") from error

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout)

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return self._stream.start_tls(ssl_context, server_hostname, timeout)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


# Certificates


def _trusted_authorities() -> ssl.SSLContext:
    """Return what certificates are judged by: `SSL_CERT_FILE`, else `SSL_CERT_DIR`, else the well-known authorities."""
    file, folder = (os.environ.get(name) for name in CERTIFICATES)
    if folder and not file:
        _check_folder(folder)
    try:
        if folder and not file:
            return ssl.create_default_context(capath=folder)
        return ssl.create_default_context(cafile=file or certifi.where())
    except OSError as error:
        key_log = os.environ.get(KEY_LOG)
        if key_log and error.filename == key_log:
            raise CommandError(f"{KEY_LOG}={visible(key_log)} can't be written ({error.strerror}): unset it") from error
        raise _no_certificates(CERTIFICATES[0], file or certifi.where(), error) from error


def _check_folder(folders: str) -> None:
    """Check that there is a certificate that OpenSSL finds by its name. It wouldn't tell, and trust none."""
    try:
        names = [path.name for folder in folders.split(os.pathsep) if folder for path in Path(folder).iterdir()]
    except OSError as error:
        raise _no_certificates(CERTIFICATES[1], folders, error) from error
    if not any(map(_HASHED.fullmatch, names)):
        raise CommandError(
            f"{CERTIFICATES[1]}={visible(folders)} holds no certificate with a name that OpenSSL looks for: run "
            f"openssl rehash on it, or name a file of certificates with {CERTIFICATES[0]}"
        )


def _no_certificates(variable: str, value: str, error: OSError) -> CommandError:
    reason = "no certificate in PEM form is in it" if isinstance(error, ssl.SSLError) else str(error.strerror).lower()
    return CommandError(
        f"{variable}={visible(value)} can't be used ({reason}): "
        "name what holds the certificates of your authority, or unset it"
    )
