# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors of CUDA's libraries and of NVIDIA's management library, each with the row that says what it means.

A line is: numbers (cuDNN before 9 and from 9 on), name, row, text.
"""

CUDNN = """
1,1001 NOT_INITIALIZED cudnn-start the library was not initialized properly
2 ALLOC_FAILED gpu-memory resource allocation failed inside cuDNN
3,2000 BAD_PARAM cuda-call-wrong an incorrect value or parameter was passed to cuDNN
4,4000 INTERNAL_ERROR cudnn-start an internal cuDNN operation failed
5 INVALID_VALUE cuda-call-wrong an invalid value was passed to cuDNN
6,3007 ARCH_MISMATCH gpu-too-new cuDNN does not support this GPU's architecture
7 MAPPING_ERROR cudnn-start access to GPU memory space failed
8,5000 EXECUTION_FAILED cudnn-execution the GPU program failed to execute
9,3000 NOT_SUPPORTED cuda-unsupported cuDNN does not support what was asked for
10,1005 LICENSE_ERROR cudnn-start the cuDNN licence check failed
11,3008 RUNTIME_PREREQUISITE_MISSING driver-library-missing a library that cuDNN needs from the driver cannot be found
12,1006 RUNTIME_IN_PROGRESS cuda-call-wrong some tasks in the user stream are not completed
13,1007 RUNTIME_FP_OVERFLOW cuda-call-wrong numerical overflow occurred during the GPU kernel execution
14 VERSION_MISMATCH cudnn-version cuDNN's libraries are of different versions
1002 SUBLIBRARY_VERSION_MISMATCH cudnn-version cuDNN's libraries are of different versions
1003 SERIALIZATION_VERSION_MISMATCH cudnn-version a serialised plan is of another cuDNN
1004 DEPRECATED cuda-unsupported the function is deprecated
1008 SUBLIBRARY_LOADING_FAILED cudnn-parts one of cuDNN's libraries could not be loaded
2002 BAD_PARAM_NULL_POINTER cuda-call-wrong a null pointer was passed to cuDNN
2003 BAD_PARAM_MISALIGNED_POINTER cuda-call-wrong a misaligned pointer was passed to cuDNN
2004 BAD_PARAM_NOT_FINALIZED cuda-call-wrong a descriptor was not finalized
2005 BAD_PARAM_OUT_OF_BOUND cuda-call-wrong a value out of bound was passed to cuDNN
2006 BAD_PARAM_SIZE_INSUFFICIENT cuda-call-wrong a buffer is too small
2007 BAD_PARAM_STREAM_MISMATCH cuda-call-wrong a wrong stream was passed to cuDNN
2008 BAD_PARAM_SHAPE_MISMATCH cuda-call-wrong a tensor has the wrong shape
2009 BAD_PARAM_DUPLICATED_ENTRIES cuda-call-wrong duplicated entries were passed to cuDNN
2010 BAD_PARAM_ATTRIBUTE_TYPE cuda-call-wrong an attribute has the wrong type
2011 BAD_PARAM_CUDA_GRAPH_MISMATCH cuda-call-wrong an unexpected CUDA graph was passed to cuDNN
3001 NOT_SUPPORTED_GRAPH_PATTERN cuda-unsupported the graph pattern is not supported
3002 NOT_SUPPORTED_SHAPE cuda-unsupported the tensor shape is not supported
3003 NOT_SUPPORTED_DATA_TYPE cuda-unsupported the data type is not supported
3004 NOT_SUPPORTED_LAYOUT cuda-unsupported the layout is not supported
3005 NOT_SUPPORTED_INCOMPATIBLE_CUDA_DRIVER driver-old this cuDNN needs a newer driver
3006 NOT_SUPPORTED_INCOMPATIBLE_CUDART cudnn-version this cuDNN needs a newer CUDA runtime
3007 NOT_SUPPORTED_ARCH_MISMATCH gpu-too-new cuDNN does not support this GPU's architecture
3008 NOT_SUPPORTED_RUNTIME_PREREQUISITE_MISSING driver-library-missing a library that cuDNN needs from the driver cannot be found
3009 NOT_SUPPORTED_SUBLIBRARY_UNAVAILABLE cudnn-parts one of cuDNN's libraries is not available
3010 NOT_SUPPORTED_SHARED_MEMORY_INSUFFICIENT gpu-resources the GPU has too little shared memory for it
3011 NOT_SUPPORTED_PADDING cuda-unsupported the padding is not supported
3012 NOT_SUPPORTED_BAD_LAUNCH_PARAM cuda-unsupported the launch parameters are not supported
3013 NOT_SUPPORTED_CUDA_GRAPH_NATIVE_API cuda-unsupported the native CUDA graph API is not supported
4001 INTERNAL_ERROR_COMPILATION_FAILED cudnn-execution cuDNN could not compile a kernel
4002 INTERNAL_ERROR_UNEXPECTED_VALUE cudnn-start an internal cuDNN operation failed
4003 INTERNAL_ERROR_HOST_ALLOCATION_FAILED memory-short cuDNN got no memory from the host
4004 INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED gpu-memory cuDNN got no memory from the GPU
4005 INTERNAL_ERROR_BAD_LAUNCH_PARAM cudnn-execution an internal cuDNN operation failed
4006 INTERNAL_ERROR_TEXTURE_CREATION_FAILED cudnn-start an internal cuDNN operation failed
5001 EXECUTION_FAILED_CUDA_DRIVER cudnn-execution the CUDA driver reported an error to cuDNN
5002 EXECUTION_FAILED_CUBLAS cudnn-execution cuBLAS reported an error to cuDNN
5003 EXECUTION_FAILED_CUDART cudnn-execution the CUDA runtime reported an error to cuDNN
5004 EXECUTION_FAILED_CURAND cudnn-execution cuRAND reported an error to cuDNN
"""
CUBLAS = """
1 NOT_INITIALIZED cublas-start the cuBLAS library was not initialized
3 ALLOC_FAILED gpu-memory resource allocation failed inside cuBLAS
7 INVALID_VALUE cuda-call-wrong an unsupported value was passed to cuBLAS
8 ARCH_MISMATCH gpu-too-new the GPU lacks a feature that cuBLAS needs
11 MAPPING_ERROR cublas-start access to GPU memory space failed
13 EXECUTION_FAILED cudnn-execution the GPU program failed to execute
14 INTERNAL_ERROR cublas-start an internal cuBLAS operation failed
15 NOT_SUPPORTED cuda-unsupported cuBLAS does not support what was asked for
16 LICENSE_ERROR cublas-start the cuBLAS licence check failed
"""
CUSOLVER = """
1 NOT_INITIALIZED cublas-start the cuSOLVER library was not initialized
2 ALLOC_FAILED gpu-memory resource allocation failed inside cuSOLVER
3 INVALID_VALUE cuda-call-wrong an unsupported value was passed to cuSOLVER
4 ARCH_MISMATCH gpu-too-new the GPU lacks a feature that cuSOLVER needs
5 MAPPING_ERROR cublas-start access to GPU memory space failed
6 EXECUTION_FAILED cudnn-execution the GPU program failed to execute
7 INTERNAL_ERROR cublas-start an internal cuSOLVER operation failed
8 MATRIX_TYPE_NOT_SUPPORTED cuda-unsupported cuSOLVER does not support this type of matrix
9 NOT_SUPPORTED cuda-unsupported cuSOLVER does not support what was asked for
10 ZERO_PIVOT cuda-call-wrong the matrix is singular
11 INVALID_LICENSE cublas-start the cuSOLVER licence check failed
"""
CUSPARSE = """
1 NOT_INITIALIZED cublas-start the cuSPARSE library was not initialized
2 ALLOC_FAILED gpu-memory resource allocation failed inside cuSPARSE
3 INVALID_VALUE cuda-call-wrong an unsupported value was passed to cuSPARSE
4 ARCH_MISMATCH gpu-too-new the GPU lacks a feature that cuSPARSE needs
5 MAPPING_ERROR cublas-start access to GPU memory space failed
6 EXECUTION_FAILED cudnn-execution the GPU program failed to execute
7 INTERNAL_ERROR cublas-start an internal cuSPARSE operation failed
8 MATRIX_TYPE_NOT_SUPPORTED cuda-unsupported cuSPARSE does not support this type of matrix
9 ZERO_PIVOT cuda-call-wrong the matrix is singular
10 NOT_SUPPORTED cuda-unsupported cuSPARSE does not support what was asked for
11 INSUFFICIENT_RESOURCES gpu-resources the GPU has too few resources for it
"""
CUFFT = """
1 INVALID_PLAN cuda-call-wrong an invalid plan handle was passed to cuFFT
2 ALLOC_FAILED gpu-memory cuFFT failed to allocate GPU or CPU memory
3 INVALID_TYPE cuda-call-wrong cuFFT does not know the type
4 INVALID_VALUE cuda-call-wrong an invalid pointer or parameter was passed to cuFFT
5 INTERNAL_ERROR cublas-start the driver or an internal cuFFT operation failed
6 EXEC_FAILED cudnn-execution cuFFT failed to execute on the GPU
7 SETUP_FAILED cublas-start the cuFFT library failed to initialize
8 INVALID_SIZE cuda-call-wrong an invalid transform size was passed to cuFFT
9 UNALIGNED_DATA cuda-call-wrong data is not aligned
10 INCOMPLETE_PARAMETER_LIST cuda-call-wrong parameters are missing in a call of cuFFT
11 INVALID_DEVICE cuda-call-wrong a plan was executed on another GPU than it was made on
12 PARSE_ERROR cublas-start internal plan database error
13 NO_WORKSPACE gpu-memory no workspace has been provided
14 NOT_IMPLEMENTED cuda-unsupported cuFFT does not implement it
15 LICENSE_ERROR cublas-start the cuFFT licence check failed
16 NOT_SUPPORTED cuda-unsupported cuFFT does not support it
"""
CURAND = """
100 VERSION_MISMATCH cuda-library-missing cuRAND's header and library are of different versions
101 NOT_INITIALIZED cublas-start the cuRAND generator was not initialized
102 ALLOCATION_FAILED gpu-memory memory allocation failed inside cuRAND
103 TYPE_ERROR cuda-call-wrong the generator is of the wrong type
104 OUT_OF_RANGE cuda-call-wrong an argument is out of range
105 LENGTH_NOT_MULTIPLE cuda-call-wrong the length is not a multiple of the dimension
106 DOUBLE_PRECISION_REQUIRED gpu-too-new the GPU does not have double precision
201 LAUNCH_FAILURE gpu-program-fault kernel launch failure
202 PREEXISTING_FAILURE gpu-program-fault an earlier failure was found at the library's entry
203 INITIALIZATION_FAILED cublas-start initialization of CUDA failed
204 ARCH_MISMATCH gpu-too-new the GPU lacks a feature that cuRAND needs
999 INTERNAL_ERROR cublas-start internal cuRAND error
"""
NCCL = """
1 UnhandledCudaError nccl-cuda unhandled cuda error
2 SystemError nccl-system unhandled system error
3 InternalError nccl-system internal error
4 InvalidArgument cuda-call-wrong invalid argument
5 InvalidUsage nccl-usage invalid usage
6 RemoteError nccl-system remote process exited or there was a network error
7 InProgress cuda-call-wrong NCCL operation in progress
"""
NVML = """
1 UNINITIALIZED driver-not-running Uninitialized
2 INVALID_ARGUMENT cuda-call-wrong Invalid Argument
3 NOT_SUPPORTED cuda-unsupported Not Supported
4 NO_PERMISSION gpu-permission Insufficient Permissions
5 ALREADY_INITIALIZED cuda-call-wrong Already Initialized
6 NOT_FOUND no-cuda-device Not Found
7 INSUFFICIENT_SIZE cuda-call-wrong Insufficient Size
8 INSUFFICIENT_POWER gpu-power Insufficient External Power
9 DRIVER_NOT_LOADED driver-not-running Driver Not Loaded
10 TIMEOUT gpu-lost Timeout
11 IRQ_ISSUE gpu-system-call Interrupt Request Issue
12 LIBRARY_NOT_FOUND driver-library-missing NVML Shared Library Not Found
13 FUNCTION_NOT_FOUND nvml-mismatch Function Not Found
14 CORRUPTED_INFOROM gpu-memory-damaged Corrupted infoROM
15 GPU_IS_LOST gpu-lost GPU is lost
16 RESET_REQUIRED gpu-lost GPU requires reset
17 OPERATING_SYSTEM gpu-system-call GPU access blocked by the operating system
18 LIB_RM_VERSION_MISMATCH nvml-mismatch Driver/library version mismatch
19 IN_USE gpu-busy In use by another client
20 MEMORY memory-short Insufficient Memory
21 NO_DATA cuda-unsupported No data
22 VGPU_ECC_NOT_SUPPORTED cuda-unsupported vGPU ECC not supported
23 INSUFFICIENT_RESOURCES gpu-resources Insufficient Resources
24 FREQ_NOT_SUPPORTED cuda-unsupported Frequency not supported
25 ARGUMENT_VERSION_MISMATCH nvml-mismatch Argument version mismatch
26 DEPRECATED cuda-unsupported Deprecated
27 NOT_READY fabric-manager Not ready
28 GPU_NOT_FOUND no-cuda-device GPU not found
29 INVALID_STATE cuda-call-wrong Invalid state
999 UNKNOWN gpu-taken-from-container Unknown Error
"""
