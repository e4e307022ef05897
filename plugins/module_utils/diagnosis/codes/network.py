# SPDX-License-Identifier: GPL-3.0-or-later
"""The network's codes: HTTP, TLS alerts, certificates, name resolution, curl; each with the row that says what it means.

A line is: number, name, row, text.
"""

HTTP = """
400 - request-refused Bad Request
401 - index-denied Unauthorized
402 - index-denied Payment Required
403 - index-denied Forbidden
404 - not-found Not Found
405 - request-refused Method Not Allowed
406 - request-refused Not Acceptable
407 - proxy-login Proxy Authentication Required
408 - server-overloaded Request Timeout
409 - request-refused Conflict
410 - not-found Gone
411 - request-refused Length Required
412 - request-refused Precondition Failed
413 - file-too-large Request Entity Too Large
414 - request-refused Request-URI Too Long
415 - request-refused Unsupported Media Type
416 - download-truncated Range Not Satisfiable
418 - index-denied I'm a teapot
421 - request-refused Misdirected Request
422 - request-refused Unprocessable Entity
423 - server-overloaded Locked
425 - server-overloaded Too Early
426 - request-refused Upgrade Required
428 - request-refused Precondition Required
429 - server-overloaded Too Many Requests
431 - request-refused Request Header Fields Too Large
451 - index-denied Unavailable For Legal Reasons
500 - server-overloaded Internal Server Error
501 - server-overloaded Not Implemented
502 - server-overloaded Bad Gateway
503 - server-overloaded Service Unavailable
504 - server-overloaded Gateway Timeout
505 - server-overloaded HTTP Version Not Supported
507 - server-overloaded Insufficient Storage
509 - server-overloaded Bandwidth Limit Exceeded
511 - server-overloaded Network Authentication Required
520 - server-overloaded Web server returned an unknown error
521 - server-overloaded Web server is down
522 - server-overloaded Connection timed out
523 - server-overloaded Origin is unreachable
524 - server-overloaded A timeout occurred
525 - server-overloaded SSL handshake failed
526 - server-overloaded Invalid SSL certificate
"""
# OpenSSL writes "alert handshake failure", rustls "HandshakeFailure", Go "tls: handshake failure".
ALERTS = """
10 UNEXPECTED_MESSAGE tls-refused unexpected message
20 BAD_RECORD_MAC tls-refused bad record mac
21 DECRYPTION_FAILED tls-refused decryption failed
22 RECORD_OVERFLOW tls-refused record overflow
40 HANDSHAKE_FAILURE tls-refused handshake failure
41 NO_CERTIFICATE client-certificate no certificate
42 BAD_CERTIFICATE client-certificate bad certificate
43 UNSUPPORTED_CERTIFICATE client-certificate unsupported certificate
44 CERTIFICATE_REVOKED client-certificate certificate revoked
45 CERTIFICATE_EXPIRED certificate-expired certificate expired
46 CERTIFICATE_UNKNOWN client-certificate certificate unknown
47 ILLEGAL_PARAMETER tls-refused illegal parameter
48 UNKNOWN_CA client-certificate unknown ca
49 ACCESS_DENIED client-certificate access denied
50 DECODE_ERROR tls-refused decode error
51 DECRYPT_ERROR tls-refused decrypt error
70 PROTOCOL_VERSION tls-refused protocol version
71 INSUFFICIENT_SECURITY tls-refused insufficient security
80 INTERNAL_ERROR tls-refused internal error
86 INAPPROPRIATE_FALLBACK tls-refused inappropriate fallback
109 MISSING_EXTENSION tls-refused missing extension
110 UNSUPPORTED_EXTENSION tls-refused unsupported extension
112 UNRECOGNIZED_NAME certificate-name unrecognized name
116 CERTIFICATE_REQUIRED client-certificate certificate required
120 NO_APPLICATION_PROTOCOL tls-refused no application protocol
"""
VERIFY = """
2 - certificate-untrusted unable to get issuer certificate
3 - certificate-untrusted unable to get certificate CRL
7 - certificate-untrusted certificate signature failure
9 - clock-wrong certificate is not yet valid
10 - certificate-expired certificate has expired
18 - certificate-untrusted self-signed certificate
19 - certificate-untrusted self-signed certificate in certificate chain
20 - certificate-untrusted unable to get local issuer certificate
21 - certificate-untrusted unable to verify the first certificate
23 - certificate-untrusted certificate revoked
24 - certificate-untrusted invalid CA certificate
25 - certificate-untrusted path length constraint exceeded
26 - certificate-untrusted unsupported certificate purpose
27 - certificate-untrusted certificate not trusted
28 - certificate-untrusted certificate rejected
62 - certificate-name hostname mismatch
64 - certificate-name IP address mismatch
66 - tls-refused EE certificate key too weak
67 - tls-refused CA certificate key too weak
68 - tls-refused CA signature digest algorithm too weak
79 - certificate-untrusted invalid CA certificate
"""
RESOLVER = """
-1 EAI_BADFLAGS name-unresolved Bad value for ai_flags
-2 EAI_NONAME name-unresolved Name or service not known
-3 EAI_AGAIN name-unresolved Temporary failure in name resolution
-4 EAI_FAIL name-unresolved Non-recoverable failure in name resolution
-5 EAI_NODATA name-unresolved No address associated with hostname
-8 EAI_SERVICE name-unresolved Servname not supported for ai_socktype
-11 EAI_SYSTEM name-unresolved System error
"""
CURL = """
1 - request-refused Unsupported protocol
3 - request-refused URL using bad/illegal format
5 - proxy-unreachable Could not resolve proxy
6 - name-unresolved Could not resolve host
7 - network-broken Failed to connect
9 - index-denied Access denied
16 - network-broken HTTP/2 framing layer error
18 - download-truncated Transferred a partial file
22 - request-refused The requested URL returned error
23 - disk-full Failed writing body
26 - file-missing Failed to open or read local data
27 - memory-short Out of memory
28 - network-broken Operation timed out
33 - download-truncated HTTP range error
35 - tls-refused TLS connect error
37 - file-missing Could not read file
47 - request-refused Maximum redirects followed
51 - certificate-name The server's certificate is not its own
52 - network-broken Empty reply from server
53 - tls-refused SSL crypto engine not found
55 - network-broken Failed sending network data
56 - network-broken Failure in receiving network data
58 - client-certificate Problem with the local client certificate
59 - tls-refused Could not use the specified TLS cipher
60 - certificate-untrusted The server's certificate cannot be verified
61 - hash-mismatch Unrecognized or bad HTTP content encoding
63 - file-too-large Maximum file size exceeded
67 - index-denied Login denied
77 - certificate-untrusted Problem with reading the CA certificates
78 - not-found The resource does not exist
80 - tls-refused Failed to shut down the TLS connection
83 - certificate-untrusted Issuer check failed
92 - network-broken HTTP/2 stream was not closed cleanly
97 - proxy-unreachable Proxy handshake error
"""
