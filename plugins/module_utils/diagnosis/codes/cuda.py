# SPDX-License-Identifier: GPL-3.0-or-later
"""CUDA's errors: CUresult of the driver and cudaError_t of the runtime, each with the row that says what it means.

A line is: number, name, row, text. The runtime shares the driver's numbers from CUDA 10.1 on; older ones have numbers of their own.
"""

DRIVER = """
1 INVALID_VALUE cuda-call-wrong invalid argument
2 OUT_OF_MEMORY gpu-memory out of memory
3 NOT_INITIALIZED cuda-not-initialized initialization error
4 DEINITIALIZED cuda-call-wrong driver shutting down
5 PROFILER_DISABLED profiler-denied profiler disabled while using external profiling tool
6 PROFILER_NOT_INITIALIZED profiler-denied profiler not initialized: call cudaProfilerInitialize()
7 PROFILER_ALREADY_STARTED profiler-denied profiler already started
8 PROFILER_ALREADY_STOPPED profiler-denied profiler already stopped
34 STUB_LIBRARY libcuda-stub CUDA driver is a stub library
36 CALL_REQUIRES_NEWER_DRIVER driver-old API call is not supported in the installed CUDA driver
46 DEVICE_UNAVAILABLE gpu-busy CUDA-capable device(s) is/are busy or unavailable
100 NO_DEVICE no-cuda-device no CUDA-capable device is detected
101 INVALID_DEVICE gpu-number-wrong invalid device ordinal
102 DEVICE_NOT_LICENSED vgpu-licence device doesn't have valid Grid license
200 INVALID_IMAGE gpu-too-new device kernel image is invalid
201 INVALID_CONTEXT cuda-not-initialized invalid device context
202 CONTEXT_ALREADY_CURRENT cuda-call-wrong context already current
205 MAP_FAILED cuda-call-wrong mapping of buffer object failed
206 UNMAP_FAILED cuda-call-wrong unmapping of buffer object failed
207 ARRAY_IS_MAPPED cuda-call-wrong array is mapped
208 ALREADY_MAPPED cuda-call-wrong resource already mapped
209 NO_BINARY_FOR_GPU gpu-too-new no kernel image is available for execution on the device
210 ALREADY_ACQUIRED cuda-call-wrong resource already acquired
211 NOT_MAPPED cuda-call-wrong resource not mapped
212 NOT_MAPPED_AS_ARRAY cuda-call-wrong resource not mapped as array
213 NOT_MAPPED_AS_POINTER cuda-call-wrong resource not mapped as pointer
214 ECC_UNCORRECTABLE gpu-memory-damaged uncorrectable ECC error encountered
215 UNSUPPORTED_LIMIT cuda-call-wrong limit is not supported on this architecture
216 CONTEXT_ALREADY_IN_USE gpu-busy exclusive-thread device already in use by a different thread
217 PEER_ACCESS_UNSUPPORTED gpu-peers peer access is not supported between these two devices
218 INVALID_PTX gpu-too-new a PTX JIT compilation failed
219 INVALID_GRAPHICS_CONTEXT cuda-call-wrong invalid OpenGL or DirectX context
220 NVLINK_UNCORRECTABLE gpu-link uncorrectable NVLink error detected during the execution
221 JIT_COMPILER_NOT_FOUND driver-part-missing PTX JIT compiler library not found
222 UNSUPPORTED_PTX_VERSION driver-old the provided PTX was compiled with an unsupported toolchain.
223 JIT_COMPILATION_DISABLED gpu-too-new PTX JIT compilation was disabled
224 UNSUPPORTED_EXEC_AFFINITY cuda-call-wrong the provided execution affinity is not supported
225 UNSUPPORTED_DEVSIDE_SYNC cuda-call-wrong call to cudaDeviceSynchronize is not permitted in the code
226 CONTAINED gpu-memory-damaged exception was encountered that was contained
300 INVALID_SOURCE cuda-call-wrong device kernel image is invalid source
301 FILE_NOT_FOUND cuda-call-wrong file not found
302 SHARED_OBJECT_SYMBOL_NOT_FOUND driver-library-missing shared object symbol not found
303 SHARED_OBJECT_INIT_FAILED driver-library-missing shared object initialization failed
304 OPERATING_SYSTEM gpu-system-call OS call failed or operation not supported on this OS
400 INVALID_HANDLE cuda-call-wrong invalid resource handle
401 ILLEGAL_STATE cuda-call-wrong the operation cannot be performed in the present state
402 LOSSY_QUERY cuda-call-wrong attempted introspection would be semantically lossy
500 NOT_FOUND cuda-call-wrong named symbol not found
600 NOT_READY cuda-call-wrong device not ready
700 ILLEGAL_ADDRESS gpu-program-fault an illegal memory access was encountered
701 LAUNCH_OUT_OF_RESOURCES gpu-resources too many resources requested for launch
702 LAUNCH_TIMEOUT gpu-time-limit the launch timed out and was terminated
703 LAUNCH_INCOMPATIBLE_TEXTURING cuda-call-wrong launch uses incompatible texturing mode
704 PEER_ACCESS_ALREADY_ENABLED gpu-peers peer access is already enabled
705 PEER_ACCESS_NOT_ENABLED gpu-peers peer access has not been enabled
708 PRIMARY_CONTEXT_ACTIVE cuda-call-wrong cannot set while device is active in this process
709 CONTEXT_IS_DESTROYED cuda-call-wrong context is destroyed
710 ASSERT gpu-program-fault device-side assert triggered
711 TOO_MANY_PEERS gpu-peers peer mapping resources exhausted
712 HOST_MEMORY_ALREADY_REGISTERED cuda-call-wrong part or all of the requested memory range is already mapped
713 HOST_MEMORY_NOT_REGISTERED cuda-call-wrong pointer does not correspond to a registered memory region
714 HARDWARE_STACK_ERROR gpu-program-fault hardware stack error
715 ILLEGAL_INSTRUCTION gpu-program-fault an illegal instruction was encountered
716 MISALIGNED_ADDRESS gpu-program-fault misaligned address
717 INVALID_ADDRESS_SPACE gpu-program-fault operation not supported on global/shared address space
718 INVALID_PC gpu-program-fault invalid program counter
719 LAUNCH_FAILED gpu-program-fault unspecified launch failure
720 COOPERATIVE_LAUNCH_TOO_LARGE gpu-resources too many blocks in cooperative launch
721 TENSOR_MEMORY_LEAK gpu-program-fault tensor memory not completely freed
800 NOT_PERMITTED gpu-permission operation not permitted
801 NOT_SUPPORTED cuda-unsupported operation not supported
802 SYSTEM_NOT_READY fabric-manager system not yet initialized
803 SYSTEM_DRIVER_MISMATCH nvml-mismatch system has unsupported display driver / cuda driver combination
804 COMPAT_NOT_SUPPORTED_ON_DEVICE cuda-compat forward compatibility was attempted on non supported HW
805 MPS_CONNECTION_FAILED mps-server MPS client failed to connect to the MPS control daemon or the MPS server
806 MPS_RPC_FAILURE mps-server the remote procedural call between the MPS server and the MPS client failed
807 MPS_SERVER_NOT_READY mps-server MPS server is not ready to accept new MPS client requests
808 MPS_MAX_CLIENTS_REACHED mps-server the hardware resources required to create MPS client have been exhausted
809 MPS_MAX_CONNECTIONS_REACHED mps-server the hardware resources required to support device connections have been exhausted
810 MPS_CLIENT_TERMINATED mps-server the MPS client has been terminated by the server
811 CDP_NOT_SUPPORTED cuda-unsupported is not supported with CUDA dynamic parallelism
812 CDP_VERSION_MISMATCH cuda-unsupported unsupported interaction between different versions of CUDA dynamic parallelism
900 STREAM_CAPTURE_UNSUPPORTED cuda-call-wrong operation not permitted when stream is capturing
901 STREAM_CAPTURE_INVALIDATED cuda-call-wrong operation failed due to a previous error during capture
902 STREAM_CAPTURE_MERGE cuda-call-wrong operation would result in a merge of separate capture sequences
903 STREAM_CAPTURE_UNMATCHED cuda-call-wrong capture was not ended in the same stream as it began
904 STREAM_CAPTURE_UNJOINED cuda-call-wrong capturing stream has unjoined work
905 STREAM_CAPTURE_ISOLATION cuda-call-wrong dependency created on uncaptured work in another stream
906 STREAM_CAPTURE_IMPLICIT cuda-call-wrong operation would make the legacy stream depend on a capturing blocking stream
907 CAPTURED_EVENT cuda-call-wrong operation not permitted on an event last recorded in a capturing stream
908 STREAM_CAPTURE_WRONG_THREAD cuda-call-wrong attempt to terminate a thread-local capture sequence from another thread
909 TIMEOUT gpu-time-limit wait operation timed out
910 GRAPH_EXEC_UPDATE_FAILURE cuda-call-wrong the graph update was not performed because it included changes
911 EXTERNAL_DEVICE gpu-link an async error has occured in external entity outside of CUDA
912 INVALID_CLUSTER_SIZE gpu-resources a kernel launch error has occurred due to cluster misconfiguration
913 FUNCTION_NOT_LOADED cuda-call-wrong a function is not loaded
914 INVALID_RESOURCE_TYPE cuda-call-wrong resource type is not valid
915 INVALID_RESOURCE_CONFIGURATION cuda-call-wrong resource configuration is not valid
999 UNKNOWN gpu-unknown-error unknown error
"""

# The runtime's, where name or number are not the driver's.
RUNTIME = """
1 InvalidValue cuda-call-wrong invalid argument
1 MissingConfiguration cuda-call-wrong __global__ function call is not configured
2 MemoryAllocation gpu-memory out of memory
3 InitializationError cuda-not-initialized initialization error
4 CudartUnloading cuda-call-wrong driver shutting down
4 LaunchFailure gpu-program-fault unspecified launch failure
6 LaunchTimeout gpu-time-limit the launch timed out and was terminated
7 LaunchOutOfResources gpu-resources too many resources requested for launch
8 InvalidDeviceFunction gpu-too-new invalid device function
9 InvalidConfiguration gpu-resources invalid configuration argument
10 InvalidDevice gpu-number-wrong invalid device ordinal
11 InvalidPitchValue cuda-call-wrong invalid pitch argument
12 InvalidSymbol cuda-call-wrong invalid device symbol
13 InvalidSymbol cuda-call-wrong invalid device symbol
16 InvalidHostPointer cuda-call-wrong invalid host pointer
17 InvalidDevicePointer cuda-call-wrong invalid device pointer
18 InvalidTexture cuda-call-wrong invalid texture reference
21 InvalidMemcpyDirection cuda-call-wrong invalid copy direction for memcpy
30 Unknown gpu-unknown-error unknown error
33 InvalidResourceHandle cuda-call-wrong invalid resource handle
34 StubLibrary libcuda-stub CUDA driver is a stub library
34 NotReady cuda-call-wrong device not ready
35 InsufficientDriver driver-old CUDA driver version is insufficient for CUDA runtime version
36 CallRequiresNewerDriver driver-old API call is not supported in the installed CUDA driver
37 InvalidSurface cuda-call-wrong invalid surface reference
38 NoDevice no-cuda-device no CUDA-capable device is detected
39 ECCUncorrectable gpu-memory-damaged uncorrectable ECC error encountered
43 DuplicateVariableName cuda-call-wrong duplicate global variable looked up by string name
46 DevicesUnavailable gpu-busy all CUDA-capable devices are busy or unavailable
47 InvalidKernelImage gpu-too-new device kernel image is invalid
48 NoKernelImageForDevice gpu-too-new no kernel image is available for execution on the device
49 IncompatibleDriverContext cuda-call-wrong incompatible driver context
52 MissingConfiguration cuda-call-wrong __global__ function call is not configured
59 Assert gpu-program-fault device-side assert triggered
65 LaunchMaxDepthExceeded gpu-resources launch would exceed maximum depth of nested launches
71 NotSupported cuda-unsupported operation not supported
72 HardwareStackError gpu-program-fault hardware stack error
73 IllegalInstruction gpu-program-fault an illegal instruction was encountered
74 MisalignedAddress gpu-program-fault misaligned address
75 InvalidAddressSpace gpu-program-fault operation not supported on global/shared address space
76 InvalidPc gpu-program-fault invalid program counter
77 IllegalAddress gpu-program-fault an illegal memory access was encountered
78 InvalidPtx gpu-too-new a PTX JIT compilation failed
98 InvalidDeviceFunction gpu-too-new invalid device function
127 StartupFailure gpu-unknown-error startup failure in cuda runtime
"""
