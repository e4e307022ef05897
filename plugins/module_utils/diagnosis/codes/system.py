# SPDX-License-Identifier: GPL-3.0-or-later
"""The system's codes: errno, signals, exit statuses, what systemd adds to them; each with the row that says what it means.

A line is: number, name, row, text. "-" stands for a code that by itself says nothing of use.
"""

ERRNO = """
1 EPERM not-permitted Operation not permitted
2 ENOENT file-missing No such file or directory
3 ESRCH - No such process
4 EINTR - Interrupted system call
5 EIO disk-error Input/output error
6 ENXIO device-missing No such device or address
7 E2BIG arguments-too-long Argument list too long
8 ENOEXEC wrong-platform Exec format error
9 EBADF - Bad file descriptor
10 ECHILD - No child processes
11 EAGAIN limit-reached Resource temporarily unavailable
12 ENOMEM memory-short Cannot allocate memory
13 EACCES permission-denied Permission denied
14 EFAULT - Bad address
15 ENOTBLK device-missing Block device required
16 EBUSY file-busy Device or resource busy
17 EEXIST file-exists File exists
18 EXDEV other-file-system Invalid cross-device link
19 ENODEV device-missing No such device
20 ENOTDIR file-of-other-kind Not a directory
21 EISDIR file-of-other-kind Is a directory
22 EINVAL - Invalid argument
23 ENFILE too-many-files Too many open files in system
24 EMFILE too-many-files Too many open files
25 ENOTTY - Inappropriate ioctl for device
26 ETXTBSY file-busy Text file busy
27 EFBIG file-too-large File too large
28 ENOSPC disk-full No space left on device
29 ESPIPE - Illegal seek
30 EROFS read-only Read-only file system
31 EMLINK limit-reached Too many links
32 EPIPE network-broken Broken pipe
36 ENAMETOOLONG name-too-long File name too long
38 ENOSYS call-unknown Function not implemented
39 ENOTEMPTY file-exists Directory not empty
40 ELOOP link-circle Too many levels of symbolic links
61 ENODATA - No data available
71 EPROTO network-broken Protocol error
75 EOVERFLOW file-too-large Value too large for defined data type
84 EILSEQ text-encoding Invalid or incomplete multibyte or wide character
95 EOPNOTSUPP call-unknown Operation not supported
97 EAFNOSUPPORT network-broken Address family not supported by protocol
98 EADDRINUSE port-in-use Address already in use
99 EADDRNOTAVAIL port-in-use Cannot assign requested address
100 ENETDOWN network-broken Network is down
101 ENETUNREACH network-broken Network is unreachable
103 ECONNABORTED network-broken Software caused connection abort
104 ECONNRESET network-broken Connection reset by peer
105 ENOBUFS limit-reached No buffer space available
107 ENOTCONN file-system-gone Transport endpoint is not connected
110 ETIMEDOUT network-broken Connection timed out
111 ECONNREFUSED network-broken Connection refused
112 EHOSTDOWN network-broken Host is down
113 EHOSTUNREACH network-broken No route to host
116 ESTALE file-system-gone Stale file handle
117 EUCLEAN disk-error Structure needs cleaning
121 EREMOTEIO disk-error Remote I/O error
122 EDQUOT quota-exceeded Disk quota exceeded
"""
SIGNALS = """
1 SIGHUP process-ended Hangup
2 SIGINT process-ended Interrupt
3 SIGQUIT process-ended Quit
4 SIGILL illegal-instruction Illegal instruction
5 SIGTRAP process-crashed Trace/breakpoint trap
6 SIGABRT process-aborted Aborted
7 SIGBUS bus-error Bus error
8 SIGFPE process-crashed Floating point exception
9 SIGKILL memory-short Killed
11 SIGSEGV process-crashed Segmentation fault
13 SIGPIPE process-ended Broken pipe
14 SIGALRM process-ended Alarm clock
15 SIGTERM process-ended Terminated
24 SIGXCPU limit-reached CPU time limit exceeded
25 SIGXFSZ file-too-large File size limit exceeded
31 SIGSYS call-unknown Bad system call
"""
# What shells, docker and systemd end with by themselves.
EXITS = """
125 docker-start container-not-started the container could not be started
126 not-executable not-executable the command could not be executed
127 not-found command-missing the command was not found
"""
SYSTEMD = """
200 CHDIR service-setup changing to the working directory failed
201 NICE service-setup setting the scheduling priority failed
202 FDS service-setup adjusting file descriptors failed
203 EXEC command-missing the program of the service could not be executed
204 MEMORY memory-short the service got no memory
205 LIMITS service-setup setting the resource limits failed
206 OOM_ADJUST service-setup setting the OOM score failed
207 SIGNAL_MASK service-setup setting the signal mask failed
208 STDIN service-setup standard input could not be set up
209 STDOUT service-setup standard output could not be set up
210 CHROOT service-setup changing the root directory failed
214 SETSCHEDULER service-setup setting the scheduler failed
215 CPUAFFINITY service-setup setting the CPU affinity failed
216 GROUP user-missing the group of the service does not exist
217 USER user-missing the user of the service does not exist
218 CAPABILITIES service-setup dropping capabilities failed
219 CGROUP service-setup setting up the control group failed
224 PAM service-setup the PAM session could not be set up
225 NETWORK service-setup network namespacing failed
226 NAMESPACE service-setup mount namespacing failed
228 SECCOMP service-setup the system call filter failed
233 RUNTIME_DIRECTORY service-setup the runtime directory could not be made
238 STATE_DIRECTORY service-setup the state directory could not be made
239 CACHE_DIRECTORY service-setup the cache directory could not be made
240 LOGS_DIRECTORY service-setup the logs directory could not be made
241 CONFIGURATION_DIRECTORY service-setup the configuration directory could not be made
"""
