"""Proxies and certificates of the environment, addresses and keys: what works, and what is one line that names it."""

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import certifi
import httpx
import pytest
from conftest import ROOT, Extract, assert_failed_clearly
from hypothesis import example, given
from hypothesis import strategies as st
from live import Live

from common.errors import CommandError
from convex.deployment import Deployment, deployment_of_settings, normalised
from convex.network import Proxy, http_client, proxy_for

NO_TRUST = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
NOBODY = "http://127.0.0.1:9"
KEY = "happy-otter-123|0123456789abcdef"
TIMEOUT = httpx.Timeout(1)


@contextmanager
def socks_proxy() -> Generator[tuple[str, "subprocess.Popen[str]"]]:
    """Start a SOCKS 5 proxy, which prints what it connects to."""
    command = [sys.executable, str(ROOT / "tests" / "socks_proxy.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"socks5://127.0.0.1:{process.stdout.readline().strip()}", process
        finally:
            process.kill()


# Proxies


def test_a_sync_goes_through_a_socks_proxy_and_by_it_where_no_proxy_says_so(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.deployment.insert("palettes", {"n": 1})
    with socks_proxy() as (address, process):
        monkeypatch.setenv("ALL_PROXY", address)
        live.sync()
        monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1,[::1]")
        live.deployment.insert("palettes", {"n": 2})
        live.sync()
        process.kill()
        assert process.stdout is not None
        assert process.stdout.read().split() == [live.deployment.url.removeprefix("http://")]
        live.deployment.insert("palettes", {"n": 3})
        live.sync()
        monkeypatch.delenv("NO_PROXY")
        assert f"(through ALL_PROXY={address})" in live.fails("sync", "--retry-for", "0.1s")


@pytest.mark.parametrize(
    ("greeting", "what"),
    [
        (b"", "it doesn't answer, as if it didn't speak SOCKS 5 (through {})"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "{} doesn't speak SOCKS 5"),
    ],
)
def test_a_proxy_of_another_kind_is_told(
    extract: Extract, monkeypatch: pytest.MonkeyPatch, greeting: bytes, what: str
) -> None:
    monkeypatch.setattr("convex.client.CONNECT_SECONDS", 0.5)
    monkeypatch.setenv("CONVEX_DEPLOY_KEY", KEY)
    connections = []

    def greet() -> None:
        with suppress(OSError):
            while True:
                connections.append(server.accept()[0])
                connections[-1].sendall(greeting)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=greet, daemon=True).start()
        proxy = f"ALL_PROXY=socks5://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setenv(*proxy.split("="))
        result = extract("sync", "--only", "t", "--url", NOBODY, "--retry-for", "0.1s")
    assert_failed_clearly(result)
    assert what.format(proxy) in result.err


@pytest.mark.parametrize(
    ("no_proxy", "url", "goes_by"),
    [
        ("localhost,127.0.0.1,[::1]", "http://[::1]:3210", True),
        ("localhost,127.0.0.1,::1", "http://[0:0::1]:3210", True),
        ("localhost, 127.0.0.1", "http://127.0.0.1:3210", True),
        ("localhost 127.0.0.1", "http://127.0.0.1:3210", True),
        ("LocalHost", "http://localhost:3210", True),
        ("localhost,10.0.0.0/8,fd00::/8", "http://10.1.2.3", True),
        ("localhost,10.0.0.0/8,fd00::/8", "http://[fd12::1]:80", True),
        ("localhost,10.0.0.0/8,[fd00::]/8", "http://[fd12::1]:80", True),
        ("10.0.0.1/8", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("0.0.1,7.0.0.1", "http://127.0.0.1", False),
        ("fd00::/8", "http://10.1.2.3", False),
        ("10.0.0.0/8", "http://ten.example.com", False),
        ("10.0.0.0/99,[::2,:::,/,://,http://,*.,.", "http://[::1]", False),
        ("*", "http://example.com", True),
        ("example.com", "http://convex.example.com", True),
        (".example.com", "http://convex.example.com", True),
        ("*.example.com", "http://convex.example.com", True),
        ("example.com.", "http://example.com", True),
        ("example.com", "http://an-example.com", False),
        ("example.com:3210", "http://example.com:3210", True),
        ("example.com:80", "http://example.com", True),
        ("example.com:3210", "http://example.com", False),
        ("[::1]:3210", "http://[::1]:3210", True),
        ("[::1]:3210", "http://[::1]:3211", False),
        ("https://example.com", "http://example.com", False),
        ("all://example.com", "http://example.com", True),
        ("", "http://example.com", False),
    ],
)
@pytest.mark.usefixtures("no_settings")
def test_no_proxy_is_read_as_by_curl(monkeypatch: pytest.MonkeyPatch, no_proxy: str, url: str, goes_by: bool) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert proxy_for(url) == (None if goes_by else Proxy("http_proxy", "http://proxy:3128"))


@pytest.mark.usefixtures("no_settings")
def test_the_proxy_of_the_scheme_goes_before_that_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy_for("https://example.com") is None
    monkeypatch.setenv("ALL_PROXY", "socks5h://user:pw@all:1080")
    monkeypatch.setenv("HTTPS_PROXY", "secure:3128")
    assert proxy_for("https://example.com") == Proxy("HTTPS_PROXY", "http://secure:3128")
    assert proxy_for("http://example.com") == Proxy("ALL_PROXY", "socks5h://user:pw@all:1080")
    monkeypatch.setenv("HTTPS_PROXY", "")
    assert proxy_for("https://example.com") == Proxy("ALL_PROXY", "socks5h://user:pw@all:1080")


@pytest.mark.parametrize(
    ("variable", "value", "shown"),
    [
        ("HTTP_PROXY", "foo://proxy:3128", "HTTP_PROXY=foo://proxy:3128: foo:// is no kind of proxy"),
        ("http_proxy", "socks://u:hunter2@proxy", "http_proxy=socks://***@proxy: socks:// is no kind of proxy"),
        ("ALL_PROXY", "socks4://proxy", "ALL_PROXY=socks4://proxy: socks4:// is no kind of proxy"),
        ("ALL_PROXY", "http://u:hunter2@proxy:99999", "ALL_PROXY=http://***@proxy:99999 is no proxy's address"),
        ("ALL_PROXY", "http://u:hun#ter2@proxy:80", "ALL_PROXY=http://***@proxy:80 is no proxy's address"),
        ("all_proxy", "http://", "all_proxy=http:// is no proxy's address"),
        ("ALL_PROXY", "http://[::1", "ALL_PROXY=http://[::1 is no proxy's address"),
        ("ALL_PROXY", f"http://{'a' * 64}.example.com", "is no proxy's address"),
        ("ALL_PROXY", "http://a\nb", "ALL_PROXY=http://a\\nb is no proxy's address"),
        ("SSL_CERT_FILE", "nowhere.pem", "SSL_CERT_FILE=nowhere.pem can't be used (no such file or directory)"),
        ("SSL_CERT_FILE", ".", "SSL_CERT_FILE=. can't be used (is a directory)"),
        ("SSL_CERT_FILE", "empty.pem", "SSL_CERT_FILE=empty.pem can't be used (no certificate in PEM form is in it)"),
        ("SSL_CERT_DIR", "nowhere", "SSL_CERT_DIR=nowhere can't be used (no such file or directory)"),
        ("SSL_CERT_DIR", "empty.pem", "SSL_CERT_DIR=empty.pem can't be used (not a directory)"),
        ("SSL_CERT_DIR", ".", "SSL_CERT_DIR=. holds no certificate with a name that OpenSSL looks for"),
        ("SSLKEYLOGFILE", "no/where", "SSLKEYLOGFILE=no/where can't be written (No such file or directory)"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_variable(
    extract: Extract, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, shown: str
) -> None:
    Path("empty.pem").touch()
    monkeypatch.setenv("CONVEX_DEPLOY_KEY", KEY)
    monkeypatch.setenv(variable, value)
    result = extract("sync", "--only", "t", "--url", NOBODY, "--retry-for", "0.1s")
    assert_failed_clearly(result)
    assert shown in result.err
    assert "hunter2" not in result.err


@pytest.mark.usefixtures("no_settings")
def test_a_proxy_that_is_not_for_this_address_may_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "foo://proxy")
    monkeypatch.setenv("HTTP_PROXY", "foo://proxy")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.0/8,[::1]")
    http_client(NOBODY, {}, TIMEOUT).close()


@pytest.mark.usefixtures("no_settings")
def test_an_authority_of_ones_own_is_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = Path(certifi.where()).read_text(encoding="utf-8")
    first = known[known.index("-----BEGIN") :].partition("-----END CERTIFICATE-----")[0]
    (tmp_path / "01234567.0").write_text(f"{first}-----END CERTIFICATE-----\n")
    for variable, value in (("SSL_CERT_DIR", f"{tmp_path}:{tmp_path}"), ("SSL_CERT_FILE", f"{tmp_path}/01234567.0")):
        monkeypatch.setenv(variable, value)
        http_client("https://127.0.0.1:9", {}, TIMEOUT).close()


@given(st.text(), st.text(), st.sampled_from(["http://127.0.0.1:3210", "https://[::1]", "http://a.convex.cloud"]))
@example("http://xn--a", "xn--a", "http://a.convex.cloud")
@example("http://[::1%25eth0]", "fe80::1%eth0", "https://[::1]")
def test_any_text_is_a_proxy_or_an_error(value: str, no_proxy: str, url: str) -> None:
    usable = all("\0" not in text and text.isprintable() for text in (value, no_proxy))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            patch.delenv(name, raising=False)
        patch.setenv("ALL_PROXY", value if usable else value.encode("unicode_escape").decode())
        patch.setenv("NO_PROXY", no_proxy if usable else no_proxy.encode("unicode_escape").decode())
        if proxy := proxy_for(url):
            try:
                httpx.HTTPTransport(verify=NO_TRUST, proxy=proxy.checked(NO_TRUST)).close()
            except CommandError as error:
                said = str(error)
            else:
                said = "a proxy"
            assert said.isprintable()


# Addresses and keys

QUOTED = f'"{KEY}"'
WRONG_ADDRESSES = [
    ("https://\u200bhappy-otter-123.convex.cloud", "its character 9 is U+200B, zero width space"),
    ("https://happy-otter-123.convex.cloud\u200b", "U+200B"),
    ("\ufeffhttps://happy-otter-123.convex.cloud", "U+FEFF"),
    ("“https://happy-otter-123.convex.cloud”", "is in quotes"),
    ('"https://happy-otter-123.convex.cloud"', "is in quotes"),
    ("https://happy-otter-123.convex.cloud'", "is in quotes"),
    ("<https://happy-otter-123.convex.cloud>", "U+003C"),
    ("https://happy otter.convex.cloud", "U+0020, space"),
    ("https://happy-otter\n123.convex.cloud", "U+000A"),
    ("https:\\\\happy-otter-123.convex.cloud", "holds a \\"),
    ("https://happy..convex.cloud", "an empty part between two dots"),
    ("https://.convex.cloud", "an empty part between two dots"),
    ("https://happy.convex.cloud..", "an empty part between two dots"),
    (f"https://{'a' * 64}.convex.cloud", "longer than 63 characters"),
    (f"https://{'a.' * 127}convex.cloud", "no host's name is longer than 253"),
    ("https://ａ。。b", "can't be read as an address"),
    ("https://☃.example.com", "its host holds letters (U+2603, snowman) that no"),
    ("https://xn--a", "can't be read as an address"),
    ("https://happy%2eotter", "its host holds what no host's name can have"),
    ("http://127.0.0.1:99999", "can't be read as an address"),
    ("http://127.0.0.1:0", "no server has port 0"),
    ("http://[::1", "can't be read as an address"),
    ("http://[1::2::3]", "can't be read as an address"),
    ("prod:happy-otter-123|0123456789abcdef", "holds what looks like a key"),
    ("htps://me:hunter2@happy-otter-123.convex.cloud", "the address holds a name or a password"),
    ("https://me:hunter2@[happy", "can't be read as an address"),
]


@pytest.mark.parametrize(("url", "part"), WRONG_ADDRESSES)
def test_an_address_with_a_fault_is_one_line(
    extract: Extract, monkeypatch: pytest.MonkeyPatch, url: str, part: str
) -> None:
    monkeypatch.setenv("CONVEX_SELF_HOSTED_URL", url)
    monkeypatch.setenv("CONVEX_DEPLOY_KEY", KEY)
    result = extract("sync", "--only", "t")
    assert_failed_clearly(result)
    assert "CONVEX_SELF_HOSTED_URL" in result.err
    assert part in result.err
    assert "hunter2" not in result.err
    assert "0123456789abcdef" not in result.err


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTP://LOCALHOST", "http://localhost"),
        ("http://localhost:80/", "http://localhost"),
        ("https://a.convex.cloud:443//", "https://a.convex.cloud"),
        ("https://A.Convex.Cloud.", "https://a.convex.cloud"),
        ("http://127.0.0.1:3210", "http://127.0.0.1:3210"),
        ("http://[0:0:0:0:0:0:0:1]:3210/", "http://[::1]:3210"),
        ("http://convex_backend:3210/Path/", "http://convex_backend:3210/Path"),
        ("https://Bücher.example", "https://xn--bcher-kva.example"),
        ("  http://localhost:3210\n", "http://localhost:3210"),
        ("no address", "no address"),
    ],
)
def test_an_address_has_one_normal_form(url: str, normal: str) -> None:
    assert normalised(url) == normal
    assert normalised(normal) == normal


@given(
    st.one_of(st.text(), st.text().map("https://{}".format), st.from_regex(r"https?://[^ ]{1,20}(:[0-9]{1,6})?/?.*")),
    st.one_of(st.just(KEY), st.text(), st.text().map("prod:{}|0123456789".format)),
)
@example("https://\udc80", KEY)
@example("http://xn--a", KEY)
@example("http://[fe80::1%eth0]", KEY)
@example("http://a/%zz\u0301", KEY)
@example(KEY, KEY)
@example("00000000", "00000000")
@example("", "CONVEX_U")
@example("https://0123456789.example", "prod:otter|0123456789")
@example("http://127.0.0.1", QUOTED)
def test_any_text_is_a_deployment_or_an_error_that_shows_no_key(url: str, key: str) -> None:
    deployment, said = deployment_or_error(url, key)
    secret = key.partition("|")[2] or key
    assert said.isprintable()
    if len(secret) >= 8 and secret in said:  # by chance, as CONVEX_U is in the name of a setting
        assert said in {deployment_or_error(url, KEY)[1], deployment_or_error(KEY, KEY)[1]}
    if deployment is None:
        return
    assert normalised(deployment.url) == deployment.url
    httpx.Client(base_url=deployment.url, transport=httpx.HTTPTransport(verify=NO_TRUST)).close()
    assert proxy_for(deployment.url) is None or proxy_for(deployment.url)


def deployment_or_error(url: str, key: str) -> tuple[Deployment | None, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("convex.deployment.setting", {"CONVEX_URL": url, "CONVEX_DEPLOY_KEY": key}.get)
        try:
            deployment = deployment_of_settings()
        except CommandError as error:
            return None, str(error)
    return deployment, str(deployment)


@pytest.mark.parametrize("quotes", ['"{}"', "'{}'", "“{}”", "`{}`"])
def test_a_quoted_key_is_recognised(extract: Extract, monkeypatch: pytest.MonkeyPatch, quotes: str) -> None:
    monkeypatch.setenv("CONVEX_SELF_HOSTED_ADMIN_KEY", quotes.format(KEY))
    result = extract("sync", "--only", "t", "--url", NOBODY)
    assert_failed_clearly(result)
    assert "CONVEX_SELF_HOSTED_ADMIN_KEY: the key is in quotes, which are no part of it" in result.err
    assert "0123456789abcdef" not in result.err


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"CONVEX_SELF_HOSTED_URL": NOBODY}, "set CONVEX_SELF_HOSTED_ADMIN_KEY in the environment or in .env (./gen"),
        ({"CONVEX_URL": "https://a.convex.cloud"}, "set CONVEX_DEPLOY_KEY in the environment or in .env (the dash"),
        ({"CONVEX_URL": NOBODY}, "set CONVEX_DEPLOY_KEY or CONVEX_SELF_HOSTED_ADMIN_KEY in the environment"),
        ({"CONVEX_SELF_HOSTED_URL": NOBODY, "CONVEX_DEPLOY_KEY": NOBODY}, "CONVEX_DEPLOY_KEY holds an address"),
        ({"CONVEX_SELF_HOSTED_URL": NOBODY, "CONVEX_SELF_HOSTED_ADMIN_KEY": "a b"}, "CONVEX_SELF_HOSTED_ADMIN_KEY: "),
    ],
)
def test_everyone_is_told_their_own_variables(
    extract: Extract, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], part: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    result = extract("sync", "--only", "t")
    assert_failed_clearly(result)
    assert part in result.err


def test_the_names_of_both_settings_come_with_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"CONVEX_SELF_HOSTED_URL": "http://LOCALHOST/", "CONVEX_URL": "http://localhost:80"}
    values |= {"CONVEX_SELF_HOSTED_ADMIN_KEY": KEY}
    monkeypatch.setattr("convex.deployment.setting", values.get)
    both = deployment_of_settings()
    assert (both.url, both.key_setting) == ("http://localhost", "CONVEX_SELF_HOSTED_ADMIN_KEY")
    del values["CONVEX_URL"]
    found = deployment_of_settings()
    assert (found.url_setting, found.name) == ("CONVEX_SELF_HOSTED_URL", "localhost")
    assert found.key_source == "./generate_admin_key.sh makes one"
    assert deployment_of_settings("http://localhost:3210").url_setting == "--url"
