# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the table: names, connections, certificates, proxies, downloads."""

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    CERTIFICATES,
    DENIALS,
    GENERAL,
    NETWORK,
    PROXIES,
    SITE_AUTHORITY,
    SITE_INDEX,
    SITE_NETWORK,
    Row,
)

ROWS = (
    Row(
        "name-unresolved",
        NETWORK,
        (
            r"[Tt]emporary failure in name resolution",
            r"Temporary failure resolving",
            r"Name or service not known",
            r"failed to lookup address",
            r"dns error",
            r"Could not resolve (?:host|proxy|')",
            r"No address associated with hostname",
            r"no such host",
            r"lookup \S+(?: on \S+)?: (?:server misbehaving|i/o timeout)",
        ),
        "a server's name cannot be resolved on this host",
        "check the host's DNS (`getent hosts NAME`, `/etc/resolv.conf`; for containers, dns in "
        "`/etc/docker/daemon.json`); with Tensorwright, "
        "name a mirror in `tensorflow_pip_index_url`, or a proxy in `ca_certificates_https_proxy`",
        SITE_AUTHORITY,
        quote=r"(?<=resolving ')[^']+|(?<=resolve ')[^']+|(?<=lookup )[\w.-]+(?= on |: no such)|"
        r"(?<=resolve host: )[\w.-]+",
        transient=True,
    ),
    Row(
        "network-broken",
        NETWORK,
        (
            r"\b(?:[Rr]ead|[Cc]onnect|[Cc]onnection|[Oo]peration|[Rr]equest|error|TimeoutError:|timeout:) timed out",
            r"cannot fetch .*: timed out",
            r"ReadTimeout",
            r"ConnectTimeout",
            r"TimeoutError\(",
            r"[Cc]onnection (?:reset|refused|aborted|closed|broken)",
            r"Network is unreachable",
            r"No route to host",
            r"[Cc]onnection error",
            r"error sending request",
            r"Remote end closed",
            r"tcp connect error",
            r"Unable to connect to \S+:",
            r"Failed to connect to \S+ port \d+",
            r"Could not connect to \S+:\d+",
            r"Connection failed \[IP",
            r"i/o timeout",
            r"TLS handshake timeout",
            r"Client\.Timeout exceeded|request canceled",
        ),
        "the connection to the package index or another server could not be made or broke off",
        "run again; try it with `curl -v URL`, look at firewall and proxy (HTTPS_PROXY), and give pip `--timeout 100 "
        "--retries 10` or a nearer "
        "mirror (`--index-url`); with Tensorwright, `tensorflow_pip_timeout`, `tensorflow_pip_retries` and "
        "`tensorflow_pip_index_url`",
        SITE_NETWORK,
        behind=(
            "name-unresolved",
            "server-overloaded",
            "download-truncated",
            "docker-not-running",
            "ssh-unreachable",
            "mps-server",
        )
        + DENIALS,
        transient=True,
    ),
    Row(
        "download-truncated",
        NETWORK,
        (
            r"IncompleteRead",
            r"transfer closed with \d+ bytes remaining",
            r"end of response with \d+ bytes missing",
            r"incomplete-download",
            r"connection broken after \d+ of \d+ bytes",
            r"end of file before message length reached",
            r"error decoding response body",
            r"request or response body error",
            r"unexpected end of file",
            r"unexpected EOF",
        ),
        "a download broke off in the middle",
        "run again, with `--retries 10` or a nearer mirror (`--index-url`); with Tensorwright, it goes on with what "
        "has arrived: "
        "`tensorflow_pip_retries` and `tensorflow_pip_index_url`",
        SITE_NETWORK,
        behind=("hash-mismatch", "server-overloaded") + DENIALS,
        transient=True,
    ),
    Row(
        "server-overloaded",
        NETWORK,
        (
            r"HTTP (?:Error|status server error|error)[ :(]+5\d\d",
            r"\b5\d\d Server Error",
            r"too many 5\d\d error",
            r"\b5\d\d\s+(?:Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)",
            r"Too Many Requests",
            r"too many 429 error",
        ),
        "the server, or a proxy before it, is broken or overloaded",
        "run again later, or use a mirror (`--index-url`; another entry in `/etc/apt/sources.list`); with "
        "Tensorwright, "
        "`tensorflow_pip_index_url`",
        SITE_NETWORK,
        transient=True,
    ),
    Row(
        "certificate-untrusted",
        NETWORK,
        (
            r"CERTIFICATE_VERIFY_FAILED",
            r"certificate verify failed",
            r"invalid peer certificate",
            r"UnknownIssuer",
            r"self.signed certificate",
            r"certificate signed by unknown authority",
            r"certificate is NOT trusted",
            r"certificate issuer is unknown",
        ),
        "the server's certificate is signed by an authority that this host does not trust",
        "put the site's CA certificate into `/usr/local/share/ca-certificates/NAME.crt` and run "
        "`update-ca-certificates`; for Python, "
        "SSL_CERT_FILE or `python -m pip config set global.cert FILE`; on an old host, `apt-get install --reinstall "
        "ca-certificates`; with Tensorwright, "
        "`ca_certificates_files`, without root `tensorflow_pip_ca_file`",
        SITE_AUTHORITY,
        behind=("clock-wrong", "certificate-expired", "certificate-name"),
    ),
    Row(
        "certificate-expired",
        NETWORK,
        (
            r"certificate has expired",
            r"[Cc]ertificate expired",
            r"invalid peer certificate: [Ee]xpired",
            r"chain uses expired certificate",
        ),
        "the server's certificate has expired, or the host's clock is ahead",
        "compare the clock with `timedatectl`; if it is right, the server's owner has to renew the certificate",
        SITE_AUTHORITY,
    ),
    Row(
        "certificate-name",
        NETWORK,
        (
            r"Hostname mismatch",
            r"IP address mismatch",
            r"NotValidForName",
            r"certificate not valid for name",
            r"doesn't match (?:either of )?'",
            r"name in the certificate does not match",
        ),
        "the server's certificate is for another name: the address is wrong, or somebody else answers there",
        "name the server as its certificate does (`curl -v URL` shows it), in pip's index or in apt's sources; with "
        "Tensorwright, "
        "`tensorflow_pip_index_url`",
        SITE_AUTHORITY,
    ),
    Row(
        "proxy-login",
        NETWORK,
        (
            r"407:? Proxy Authentication",
            r"407 Client Error",
            r"[Pp]roxy auth(?:entication|orization) required",
            r"Tunnel connection failed: 407",
            r"\b407\s+Proxy Auth",
            r"response 407 from proxy",
        ),
        "the proxy asks for a login",
        "put user and password into the proxy's URL: HTTPS_PROXY in the environment, Acquire::http::Proxy below "
        "`/etc/apt/apt.conf.d`; with "
        "Tensorwright, `ca_certificates_http_proxy` and `ca_certificates_https_proxy` (in a vault)",
        SITE_AUTHORITY,
    ),
    Row(
        "proxy-unreachable",
        NETWORK,
        (
            r"(?:Cannot|Unable to) connect to proxy",
            r"Tunnel connection failed: (?!407)\d+",
            r"Could not resolve proxy",
            r"proxyconnect tcp",
            r"\bTunneling? (?:to \S+ )?failed",
            r"unsuccessful tunnel",
            r"response (?!407)\d+ from proxy",
        ),
        "the proxy does not answer, or does not let this through",
        "check HTTPS_PROXY and HTTP_PROXY in the environment (`env | grep -i proxy`), and name what needs no proxy "
        "in NO_PROXY; with Tensorwright, "
        "`ca_certificates_https_proxy` and `ca_certificates_no_proxy`",
        SITE_AUTHORITY,
        behind=("proxy-login",),
    ),
    Row(
        "index-denied",
        NETWORK,
        (
            r"HTTP (?:[Ee]rror|status client error)[ :(]+40[13]",
            r"returned an? 40[13] ",
            r"lack of valid authentication",
            r"40[13] Client Error",
            r"\b40[13]\s+(?:Unauthorized|Forbidden)\b",
        ),
        "the server denies access",
        "check the address and its login or token: pip's `--index-url` or `~/.netrc`, `/etc/apt/auth.conf.d` for "
        "apt, `docker login` for images; "
        "with Tensorwright, `tensorflow_pip_index_url`",
        SITE_INDEX,
        behind=PROXIES,
    ),
    Row(
        "index-without-tls",
        NETWORK,
        (r"is not a trusted or secure host and is being ignored",),
        "pip ignores an index whose address is http:, unless it is on this host",
        "name it by https:; without a certificate, `--trusted-host HOST` or `PIP_TRUSTED_HOST=HOST` in the "
        "environment; with Tensorwright, "
        "`tensorflow_pip_index_url`",
        SITE_INDEX,
    ),
    Row(
        "not-found",
        NETWORK,
        (r"HTTP (?:[Ee]rror|status client error)[ :(]+404", r"404 Client Error", r"\b404\s+Not Found"),
        "the server has nothing at that address: it is wrong, or the file has moved on",
        "for apt, `apt-get update` and run again (an old distribution has moved to its archive); otherwise check the "
        "address with `curl -I URL`; "
        "with Tensorwright, `tensorflow_pip_index_url` and `tensorflow_wheel_url`",
        SITE_INDEX,
        behind=("no-wheel", "no-such-version", "apt-repository-missing"),
    ),
    Row(
        "hash-mismatch",
        NETWORK,
        (
            r"Hash mismatch for",
            r"has SHA-256 [0-9a-f]+, expected",
            r"HASHES FROM THE REQUIREMENTS FILE",
            r"Hash Sum mismatch",
            r"File has unexpected size",
            r"[Hh]ash(?:es)? (?:do|does) not match",
            r"The checksum for \S+ did not match",
            # uv unpacks while it downloads, and stumbles before it has the hash of the whole.
            r"Bad (?:CRC|uncompressed size|compressed size) \(got",
            r"has an invalid package format",
        ),
        "a download is not the file that was expected",
        "run again without the cache (`python -m pip install --no-cache-dir`, `rm -rf /var/lib/apt/lists/*` and "
        "`apt-get update`); if it stays, the "
        "mirror or a proxy in between serves a damaged or foreign file; with Tensorwright, another "
        "`tensorflow_pip_index_url`",
        SITE_NETWORK,
        transient=True,  # pip takes half a file for a wrong one
    ),
    Row(
        "tls-refused",
        NETWORK,
        (
            r"wrong version number",
            r"record layer failure",
            r"UNSUPPORTED_PROTOCOL",
            r"unsupported protocol",
            r"(?:dh key too small|DH_KEY_TOO_SMALL|ca md too weak|CA_MD_TOO_WEAK|ee key too small)",
            r"EOF occurred in violation of protocol",
            r"unexpected eof while reading",
            r"(?:unsafe legacy renegotiation|UNSAFE_LEGACY_RENEGOTIATION)",
            r"GnuTLS recv error",
            r"gnutls_handshake\(\) failed",
            r"OpenSSL SSL_(?:read|connect)",
            (
                r"tls: (?:handshake failure|protocol version not supported|"
                r"first record does not look like a TLS handshake)"
            ),
            r"HandshakeFailure",
            r"InvalidContentType",
            r"ProtocolVersion\b",
            r"Can't connect to HTTPS URL because the SSL module is not available",
            r"No module named '?_ssl'?",
        ),
        "the encrypted connection (TLS) could not be agreed on: the other end, or a proxy between, speaks plain HTTP "
        "or a version of TLS that this "
        "side refuses, or a Python has no TLS at all",
        "try `curl -v URL`; give the proxy by http: in HTTPS_PROXY, name the port that speaks TLS; update openssl, "
        "ca-certificates and Python "
        "(`apt-get install --only-upgrade openssl`), and server or proxy where they are old; with Tensorwright, "
        "`ca_certificates_https_proxy`",
        SITE_AUTHORITY,
        behind=CERTIFICATES + PROXIES + ("client-certificate",),
    ),
    Row(
        "client-certificate",
        NETWORK,
        (r"tlsv13? alert certificate required",),
        "the server refuses this side's certificate, or wants one and gets none",
        "give the client's certificate and key: `python -m pip install --client-cert FILE`, `curl --cert FILE --key "
        "FILE`, for apt "
        "Acquire::https::SslCert; look whether it has expired with `openssl x509 -enddate -in FILE`",
        SITE_AUTHORITY,
    ),
    Row(
        "request-refused",
        NETWORK,
        (),
        "the server does not accept the request: the address is not what it seems, or a proxy in between changes it",
        "look at the address with `curl -v URL`, and try without the proxy (NO_PROXY); with Tensorwright, "
        "`tensorflow_pip_index_url`",
        SITE_INDEX,
        rank=GENERAL,
    ),
)
