# SPDX-License-Identifier: GPL-3.0-or-later
"""The codes of further programs: conda's exceptions, the kernel driver's Xid numbers, absl's and gRPC's statuses; each with its row.

A line is: number, name, row, text.
"""

CONDA = """
- PackagesNotFoundError conda-no-package packages are not in the channels
- ResolvePackageNotFound conda-no-package packages are not in the channels
- PackagesNotFoundInChannelsError conda-no-package packages are not in the channels
- UnsatisfiableError conda-conflict the specifications exclude each other
- LibMambaUnsatisfiableError conda-conflict the specifications exclude each other
- SpecsConfigurationConflictError conda-conflict what is asked for contradicts what is pinned
- CyclicalDependencyError conda-conflict packages depend on each other in a circle
- CondaHTTPError conda-network a channel could not be reached
- CondaSSLError conda-network the TLS connection to a channel failed
- ProxyError conda-network the proxy refused
- CondaProxyError conda-network the proxy refused
- ConnectionFailedError conda-network a channel could not be reached
- OfflineError conda-network conda was told to stay offline
- UnavailableInvalidChannel conda-channel the channel is not accessible or invalid
- ChannelError conda-channel a channel is wrong
- ChannelNotAllowed conda-channel the channel is not allowed here
- ChannelDenied conda-channel the channel is denied here
- EnvironmentNameNotFound conda-no-environment there is no environment of that name
- EnvironmentLocationNotFound conda-no-environment there is no environment at that place
- DirectoryNotACondaEnvironmentError conda-no-environment the directory is no conda environment
- DirectoryNotFoundError conda-no-environment the directory does not exist
- EnvironmentFileNotFound conda-file the environment file does not exist
- EnvironmentFileExtensionNotValid conda-file the environment file has the wrong ending
- EnvironmentFileEmpty conda-file the environment file is empty
- EnvironmentFileNotDownloaded conda-network the environment file could not be downloaded
- SpecNotFound conda-file the environment file cannot be read
- CondaEnvException conda-pip the part of the environment that pip installs failed
- EnvironmentNotWritableError conda-not-writable the environment may not be written
- NotWritableError conda-not-writable a file of conda's may not be written
- NoWritableEnvsDirError conda-not-writable no directory of environments may be written
- NoWritablePkgsDirError conda-not-writable no directory of packages may be written
- DirectoryNotWritableError conda-not-writable the directory may not be written
- CondaUpgradeError conda-broken conda cannot be upgraded here
- CondaVerificationError conda-damaged a package in the cache is damaged
- SafetyError conda-damaged a package in the cache is not as its list says
- ChecksumMismatchError conda-damaged a download is not what its list says
- InvalidArchiveError conda-damaged a package's archive is damaged
- CorruptedEnvironmentError conda-broken the environment is damaged
- LinkError conda-broken a package could not be linked into the environment
- RemoveError conda-broken a package that conda needs may not be removed
- ClobberError conda-mixed several packages bring the same file
- BasicClobberError conda-mixed several packages bring the same file
- KnownPackageClobberError conda-mixed several packages bring the same file
- UnknownPackageClobberError conda-mixed a package would overwrite a file of nobody's
- SharedLinkPathClobberError conda-mixed several packages bring the same file
- LockError conda-locked another conda holds the lock
- PaddingError conda-path-long the environment's path is too long
- NoSpaceLeftError disk-full no space left
- CondaMemoryError memory-short conda ran out of memory
- CommandNotFoundError conda-not-activated conda has not been set up for this shell
- CondaToSNonInteractiveError conda-terms the channels' terms have not been accepted
- CondaValueError conda-call-wrong conda was called with something that it does not accept
- ArgumentError conda-call-wrong conda was called with something that it does not accept
- InvalidMatchSpec conda-call-wrong a package's specification cannot be read
- InvalidVersionSpec conda-call-wrong a version's specification cannot be read
- InvalidVersionSpecError conda-call-wrong a version's specification cannot be read
- CouldntParseError conda-file a file of settings cannot be read
- LoadError conda-file a file of settings cannot be read
- CustomValidationError conda-file a setting is not valid
- InvalidTypeError conda-file a setting is of the wrong type
- CondaOSError conda-broken the operating system refused
- CondaIOError conda-broken a file could not be read or written
- CondaKeyError conda-file a setting does not exist
- CondaHistoryError conda-broken the environment's history is damaged
- CondaDependencyError conda-broken conda itself lacks a package
- CondaImportError conda-broken conda itself lacks a package
- NoBaseEnvironmentError conda-broken conda has no base environment
- PluginError conda-broken a plugin of conda's failed
"""
XID = """
8 - gpu-time-limit GPU stopped processing
13 - gpu-program-fault Graphics engine exception
31 - gpu-program-fault GPU memory page fault
32 - gpu-lost Invalid or corrupted push buffer stream
38 - driver-fault Driver firmware error
43 - gpu-program-fault GPU stopped processing
44 - gpu-lost Graphics engine fault during context switch
45 - gpu-program-fault Preemptive cleanup, due to previous errors
46 - gpu-lost GPU stopped processing
48 - gpu-memory-damaged Double bit ECC error
54 - gpu-power Auxiliary power is not connected to the GPU board
56 - gpu-lost Display engine error
57 - gpu-memory-damaged Error programming video memory interface
58 - gpu-memory-damaged Unstable video memory interface detected
61 - driver-fault Internal micro-controller breakpoint
62 - gpu-lost Internal micro-controller halt
63 - gpu-memory-damaged Row remapping or page retirement recorded
64 - gpu-memory-damaged Row remapping or page retirement failed
65 - gpu-lost Video processor exception
68 - gpu-program-fault Video processor exception
69 - gpu-program-fault Graphics engine class error
74 - gpu-link NVLink error
78 - vgpu-licence vGPU start error
79 - gpu-lost GPU has fallen off the bus
80 - gpu-lost Corrupted data sent to GPU
92 - gpu-memory-damaged High single-bit ECC error rate
93 - gpu-memory-damaged Non-fatal violation of provisioned infoROM wear limit
94 - gpu-memory-damaged Contained ECC error
95 - gpu-memory-damaged Uncontained ECC error
109 - driver-fault Context switch timeout
110 - driver-fault Security fault error
116 - gpu-lost Display engine error
119 - driver-fault GSP RPC timeout
120 - driver-fault GSP error
121 - gpu-link C2C link error
122 - gpu-memory-damaged SPI or infoROM failure
123 - driver-fault SPI PMU RPC write failure
137 - gpu-link NVLink FLA privilege error
140 - gpu-memory-damaged Unrecovered ECC error
143 - gpu-lost GPU initialization failure
144 - gpu-link NVLink SAW error
145 - gpu-link NVLink RLW error
149 - gpu-link NVLink NETIR error
154 - gpu-lost GPU recovery action changed
"""
STATUS = """
1 CANCELLED tensorflow-status the operation was cancelled
2 UNKNOWN tensorflow-status an unknown error
3 INVALID_ARGUMENT tensorflow-status an argument does not fit
4 DEADLINE_EXCEEDED cluster-unreachable it took too long
5 NOT_FOUND tensorflow-status something is not there
6 ALREADY_EXISTS tensorflow-status something is there already
7 PERMISSION_DENIED permission-denied access is denied
8 RESOURCE_EXHAUSTED memory-exhausted a resource is used up
9 FAILED_PRECONDITION tensorflow-status something is not in the state that is needed
10 ABORTED tensorflow-status the operation was aborted
11 OUT_OF_RANGE tensorflow-status the end was reached
12 UNIMPLEMENTED tensorflow-unimplemented there is no implementation
13 INTERNAL tensorflow-status an internal error
14 UNAVAILABLE cluster-unreachable another process does not answer
15 DATA_LOSS data-damaged data are damaged or incomplete
16 UNAUTHENTICATED index-denied there is no valid login
"""
