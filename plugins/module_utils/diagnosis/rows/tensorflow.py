# SPDX-License-Identifier: GPL-3.0-or-later
"""Rows of the table: what Python and TensorFlow say at import and after."""

from ansible_collections.tensorwright.fleet.plugins.module_utils.diagnosis.row import (
    COMPATIBILITY,
    CONSEQUENCE,
    ERROR,
    GENERAL,
    GPU_GUIDE,
    INSTALL_ERRORS,
    LIBRARIES,
    MIGRATE,
    PINS,
    TENSORFLOW,
    Row,
)

ROWS = (
    Row(
        "source-tree",
        TENSORFLOW,
        (r"(?:should\s+not try to|Do not) import tensorflow\s+from its source\s+directory",),
        "Python imports the source tree in the current directory instead of the installed TensorFlow",
        "`cd` to another directory, and start Python there",
        INSTALL_ERRORS,
    ),
    Row(
        "tensorflow-missing",
        TENSORFLOW,
        (r"No module named '?tensorflow'?$",),
        "this Python has no TensorFlow",
        "activate the environment that has it (`source ~/tensorflow/bin/activate`), or `python -m pip install "
        "tensorflow` with the very Python that runs; "
        "with Tensorwright, `site.yml`",
        "environments.md#what-users-see",
    ),
    Row(
        "compiled-part-missing",
        TENSORFLOW,
        (
            r"cannot import name '?_?pywrap_tensorflow\b",
            r"No module named ['\"]?(?:tensorflow\.python\.(?:\w+\.)*)?_?pywrap_tensorflow",
            r"No module named ['\"]?tensorflow\.(?:\w+\.)*_pywrap_\w+",
        ),
        "TensorFlow's compiled part is not where its Python part is: the installation is damaged, or a source tree "
        "is in the way",
        "`cd` elsewhere, then `python -m pip install --force-reinstall tensorflow`; with Tensorwright, build a new "
        "release with "
        "`-e tensorwright_trust_receipts=false`",
        INSTALL_ERRORS,
        behind=("source-tree", "library-missing", "undefined-symbol", "glibc-old", "libstdcxx-old") + LIBRARIES,
    ),
    Row(
        "descriptor-missing",
        TENSORFLOW,
        (r"cannot import name '?descriptor\b",),
        "protobuf is damaged, or another package named google is before it",
        "`python -m pip install --force-reinstall protobuf` in the environment, or build a new release with "
        "`-e tensorwright_trust_receipts=false`",
        INSTALL_ERRORS,
    ),
    Row(
        "protobuf-old",
        TENSORFLOW,
        (
            r"__init__\(\) got an unexpected keyword argument '(?:syntax|serialized_options|create_key)'",
            r"cannot import name '?(?:builder|runtime_version)'? from 'google\.protobuf",
        ),
        "protobuf is older than TensorFlow needs; the system's may be found before the environment's",
        "`python -m pip install --upgrade protobuf` in the environment, and `unset PYTHONPATH`",
        INSTALL_ERRORS,
    ),
    Row(
        "protobuf-new",
        TENSORFLOW,
        (
            r"Descriptors cannot (?:not )?be created directly",
            r"MessageFactory' object has no attribute 'GetPrototype'",
        ),
        "protobuf is newer than this TensorFlow was made for",
        "`python -m pip install 'protobuf<3.21'` for TensorFlow before 2.12, else the version that `python -m pip "
        "check` names, or upgrade TensorFlow; "
        "with Tensorwright, `site.yml`, whose plan pins it",
        "compatibility.md#pins-that-releases-need-today",
    ),
    Row(
        "protobuf-too-big",
        TENSORFLOW,
        (r"A\s+protocol\s+message was rejected because it was too big",),
        "a protobuf without its compiled part refuses messages of more than 64 MB",
        "`python -m pip install --force-reinstall protobuf` for a build with it; and keep a model's weights out of "
        "its graph",
        INSTALL_ERRORS,
    ),
    Row(
        "numpy-mismatch",
        TENSORFLOW,
        (
            r"Unable to convert function return value to a Python type! The signature was",
            r"`np\.\w+` was removed in the NumPy 2\.0 release",
            r"numpy\.core\._multiarray_umath failed to import",
            r"No module named 'numpy\._core\S*",
            r"'numpy\._DTypeMeta' object is not subscriptable",
            r"compiled using NumPy 1\.x cannot be run",
            r"_ARRAY_API not found",
            r"numpy\.core\.(?:multiarray|umath) failed to import",
            (
                r"module 'numpy' has no attribute '(?:object|bool|int|float|complex|long|unicode|typeDict|str|asscalar|"
                r"float_|cfloat|unicode_|Inf|infty|product|cumproduct|in1d|trapz|alltrue|sometrue|rank|asfarray|round_|"
                r"DataSource|source|find_common_type|msort|obj2sctype|sctypes|cast)'"
            ),
        ),
        "NumPy is of another version than the one that TensorFlow was made for",
        "`python -m pip install 'numpy<2'` for TensorFlow before 2.18 (numpy<1.24 for what uses np.object), or "
        "upgrade what was made for the old one; "
        "with Tensorwright, `site.yml`, whose plan pins it",
        "compatibility.md#pins-that-releases-need-today",
    ),
    Row(
        "six-old",
        TENSORFLOW,
        (r"No module named '?copyreg'?$",),
        "the system's package six is too old, and found before the environment's",
        "`python -m pip install --upgrade six` in the environment; with Tensorwright, `tensorflow_method: virtualenv`",
        INSTALL_ERRORS,
    ),
    Row(
        "python-too-new",
        TENSORFLOW,
        (
            r"No module named '?(?:distutils|imp|asynchat)'?$",
            r"module 'inspect' has no attribute 'getargspec'",
            r"module 'pkgutil' has no attribute 'ImpImporter'",
        ),
        "the release is older than this Python, which no longer has what it uses",
        "use a Python that the release knows (`python3.11 -m venv ~/tf`, `uv venv --python 3.11`), or a newer "
        "release; for distutils, "
        "`python -m pip install setuptools`; with Tensorwright, `tensorflow_python: auto`",
        COMPATIBILITY,
    ),
    Row(
        "undefined-symbol",
        TENSORFLOW,
        (r"undefined symbol: \S+",),
        "a library and what uses it are of different builds; often several installations are mixed",
        "`unset LD_LIBRARY_PATH PYTHONPATH`, and install what is named anew: `python -m pip install "
        "--force-reinstall tensorflow`, or update it together "
        "with TensorFlow, which it was built for; with Tensorwright, `-e tensorwright_trust_receipts=false` builds a "
        "new release",
        INSTALL_ERRORS,
        behind=("conda-mixed",),
        quote=r"undefined symbol: \S+",
    ),
    Row(
        "library-missing",
        TENSORFLOW,
        (r"cannot open shared object file", r"error while loading shared libraries"),
        "a shared library is missing, or is where the loader does not look",
        "find its package with `apt-file search NAME` and `apt-get install` it (libGL.so.1 is in libgl1, libgthread "
        "in libglib2.0-0), then `ldconfig`; "
        "if it is part of the environment, install that anew; with Tensorwright, `-e "
        "tensorwright_trust_receipts=false` builds a new release",
        "https://manpages.debian.org/stable/manpages/ld.so.8.en.html",
        behind=LIBRARIES + ("no-execution",),
        quote=r"(?<![\w./~+@-])[\w+-]+\.so[.\d]*(?=: cannot open)|(?<=shared libraries: )[\w.+-]+",
    ),
    Row(
        "numpy-old",
        TENSORFLOW,
        (),
        "NumPy is older than the one that a package was built for: {package} wants a newer numpy ({built}, and "
        "{runtime} is installed)",
        "`python -m pip install --upgrade numpy` in the environment (a newer one), and `unset PYTHONPATH`, as the "
        "system's may be found first; or "
        "install the package anew; with Tensorwright, `site.yml`, whose plan pins it",
        PINS,
    ),
    Row(
        "numpy-new",
        TENSORFLOW,
        (),
        "NumPy is newer than the one that a package was built for: {package} wants an older numpy ({built}, and "
        "{runtime} is installed)",
        "`python -m pip install 'numpy<2'` in the environment, or upgrade and reinstall the package that was built "
        "with the old one "
        "(`python -m pip install --upgrade --force-reinstall NAME`); with Tensorwright, `site.yml`, whose plan pins it",
        PINS,
    ),
    Row(
        "protobuf-gencode-new",
        TENSORFLOW,
        (),
        "protobuf is older than the generated code of a package: that is of {gencode}, and protobuf {runtime} is "
        "installed",
        "`python -m pip install --upgrade 'protobuf>={gencode}'` in the environment, and `unset PYTHONPATH`; with "
        "Tensorwright, `site.yml`, whose plan pins it",
        PINS,
    ),
    Row(
        "protobuf-gencode-old",
        TENSORFLOW,
        (),
        "protobuf is newer than the generated code of a package: that is of {gencode}, and protobuf {runtime} is "
        "installed",
        "`python -m pip install 'protobuf=={gencode}'` in the environment, or upgrade the package (mostly "
        "TensorFlow) together with it; with Tensorwright, "
        "`site.yml`, whose plan pins it",
        PINS,
    ),
    Row(
        "protobuf-mixed",
        TENSORFLOW,
        (
            r"File already exists in database: (?P<file>\S+)",
            r"duplicate (?:file name|symbol) [^\n]*\.proto",
            r"Conflict register for file",
            r"Couldn't build proto file into descriptor pool",
            r"CHECK failed: GeneratedDatabase\(\)->Add",
            r"This program (?:requires|was compiled against) version (?P<version>[\d.]+) of the Protocol Buffer[^\n]*",
            r"google/protobuf[^\n]*undefined symbol",
            r"_message\.cpython\S*: undefined symbol",
        ),
        "two builds of protobuf are mixed in one process: libraries bring their own ({file})",
        "import TensorFlow first, or set PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python; install the packages "
        "together in a new environment: "
        "`python -m pip install --force-reinstall tensorflow protobuf`; with Tensorwright, `site.yml`",
        PINS,
    ),
    Row(
        "tf1-code",
        TENSORFLOW,
        (
            r"No module named '?tensorflow\.(?P<name>contrib|examples)\S*?'?$",
            (
                r"(?P<name>tf\.(?:contrib|placeholder|Session|layers)) (?:is|are) not (?:available|compatible|"
                r"supported)[^\n]*"
            ),
            r"tf\.placeholder\(\) is not compatible with eager execution",
            r"The Session graph is empty\.",
            r"`?loss` passed to Optimizer\.compute_gradients should be a function",
        ),
        "the program is written for TensorFlow 1, whose {name} TensorFlow 2 no longer has",
        "use `import tensorflow.compat.v1 as tf` with `tf.disable_v2_behavior()`, convert it with `tf_upgrade_v2`, "
        "or run it with TensorFlow 1.15 on Python "
        "3.7 (`docker run tensorflow/tensorflow:1.15.5`); with Tensorwright, `tensorflow_version: 1.15`",
        MIGRATE,
    ),
    Row(
        "tf2-code",
        TENSORFLOW,
        (),
        "the program uses {name}, which this TensorFlow does not have: it is older than the program needs",
        "`python -m pip install --upgrade tensorflow`, or run an older state of the program; with Tensorwright, "
        "`tensorflow_version: latest`",
        "https://www.tensorflow.org/api_docs/python/tf",
    ),
    Row(
        "tensorflow-hollow",
        TENSORFLOW,
        (),
        "what is imported as {module} is empty or damaged: a folder of that name without the package, or an "
        "installation that was cut off, so that {name} "
        "is missing",
        "`python -c 'import tensorflow; print(tensorflow.__path__)'` shows what is found; rename a folder or file of "
        "yours of that name, else "
        "`python -m pip install --force-reinstall {package}`; with Tensorwright, `-e "
        "tensorwright_trust_receipts=false` builds a new release",
        INSTALL_ERRORS,
    ),
    Row(
        "keras-versions",
        TENSORFLOW,
        (
            r"in the new Keras optimizer",
            r"Keras requires TensorFlow (?P<wanted>[\d.]+) or higher",
            r"Keras 3 .*not (?:yet )?supported",
            r"Your currently installed version of Keras is Keras 3, but this is not yet supported",
            r"(?:Could not deserialize class|Could not locate (?:class|function)) '(?P<name>\w+)'",
            r"File format not supported: filepath=(?P<path>\S+)\. Keras 3 only supports",
            (
                r"Unrecognized keyword arguments(?: passed to \w+)?: \{?'(?:batch_shape|batch_input_shape|weights|"
                r"input_shape|lr)'"
            ),
            r"Error when deserializing class '(?P<name>\w+)'",
            (
                r"(?:__init__\(\) got an unexpected keyword argument|Unknown layer:) '?(?P<name>ragged|batch_shape|"
                r"groups|time_major|lr|decay)'?"
            ),
            r"The (?:`filepath` provided must end in `\.keras`|`save_format` argument is deprecated in Keras 3)",
        ),
        "Keras 2 and Keras 3 are mixed: a program or a saved model is of the one, and the other is installed "
        "(TensorFlow has Keras 3 from 2.16 on)",
        "`python -m pip install tf_keras` and set TF_USE_LEGACY_KERAS=1 before TensorFlow is imported, or save the "
        "model anew with the Keras that is there (old optimizers are in `tf.keras.optimizers.legacy`); "
        "`python -m pip show keras tensorflow` tells the versions; with Tensorwright, "
        "`tensorflow_pip_extra_packages: [tf_keras]` or an older "
        "`tensorflow_version`",
        "https://keras.io/getting_started/",
    ),
    Row(
        "tensorflow-status",
        TENSORFLOW,
        (),
        "an operation of TensorFlow's failed; its message says which and why",
        "read the last line of the error and the line of your program above it; run it on the CPU "
        "(`CUDA_VISIBLE_DEVICES=-1`) to see whether the GPU "
        "matters; with Tensorwright, `tensorflow_device`",
        "https://www.tensorflow.org/api_docs/python/tf/errors",
        rank=CONSEQUENCE,
    ),
    Row(
        "memory-exhausted",
        TENSORFLOW,
        (
            r"RESOURCE_EXHAUSTED: (?:Out of memory|OOM)",
            r"ResourceExhaustedError",
        ),
        "memory is used up: the model and its batch do not fit, on the GPU or on the host",
        "take a smaller batch or model, see who has the memory with `nvidia-smi` and `free -h`, and start with "
        "`TF_FORCE_GPU_ALLOW_GROWTH=true`; with "
        "Tensorwright, `tensorflow_users_memory_growth: true`",
        GPU_GUIDE,
        behind=("gpu-memory", "disk-full"),
        rank=GENERAL,
    ),
    Row(
        "tensorflow-unimplemented",
        TENSORFLOW,
        (
            r"No OpKernel was registered to support Op '(?P<name>\w+)'",
            r"(?:Op type not registered|Unknown op|unknown operation) '?(?P<name>\w+)'?",
            r"UnimplementedError",
            r"Could not find device for node: \{\{node (?P<name>\w+)",
            r"DNN library (?:does not|doesn't) support",
            r"only supports? NHWC",
            r"NCHW.*(?:not supported|only)",
        ),
        "this build of TensorFlow has no implementation of that operation ({name}) for this device or type: a CPU "
        "build, a missing package with custom "
        "operations, or an older release",
        "look with `python -c 'import tensorflow as tf; print(tf.__version__, tf.test.is_built_with_cuda())'`; "
        "import the package that has the operation "
        "(tensorflow-text, tensorflow-addons) before the model is loaded, or upgrade TensorFlow; with Tensorwright, "
        "`tensorflow_device: gpu`",
        "https://www.tensorflow.org/api_docs/python/tf/errors/UnimplementedError",
        rank=GENERAL,
    ),
    Row(
        "data-damaged",
        TENSORFLOW,
        (
            r"DATA_LOSS: ",
            r"DataLossError",
            r"corrupted record at \d+",
            r"truncated record at",
            r"Unable to open (?:table )?file .*sstable",
            r"file signature not found",
            r"Unable to (?:synchronously )?open (?:file|object) \((?:file signature|truncated file|bad object)",
        ),
        "a file of data, a checkpoint or a saved model is damaged or incomplete, or is not of that format",
        "make or download it again, and compare its size and checksum; `ls -l` shows an interrupted download or a "
        "Git LFS pointer (`git lfs pull`)",
        "https://www.tensorflow.org/api_docs/python/tf/errors/DataLossError",
    ),
    Row(
        "cluster-unreachable",
        TENSORFLOW,
        (
            r"failed to connect to all addresses",
            r"CoordinationService",
            r"coordination service .*(?:error|fail)",
            r"UnavailableError",
            r"DeadlineExceededError",
        ),
        "another process of the cluster does not answer: it ended, has not started, or the network between is closed",
        "look at the other workers' own logs for the first error; compare TF_CONFIG on all of them, and try the port "
        "with `curl -v HOST:PORT`; "
        "NO_PROXY has to name the hosts",
        "https://www.tensorflow.org/guide/distributed_training",
        rank=GENERAL,
        transient=True,
    ),
    Row(
        "gpu-set-up-late",
        TENSORFLOW,
        (
            r"Physical devices cannot be modified after being initialized",
            r"(?:set_memory_growth|Memory growth) [^\n]*(?:must be set before|cannot differ)",
        ),
        "the GPUs were set up too late: they can be configured only before TensorFlow first uses them",
        "call set_memory_growth first of all, right after the import, or start with "
        "`TF_FORCE_GPU_ALLOW_GROWTH=true`; with Tensorwright, "
        "`tensorflow_users_memory_growth: true`",
        GPU_GUIDE,
    ),
    Row(
        "gpu-not-in-tensorflow",
        TENSORFLOW,
        (
            r"/device:GPU:\d+ unknown device",
            r"Cannot assign a device for operation[^\n]*(?:[\s\S]{0,400}?)GPU",
            r"The requested device appears to be a GPU, but CUDA is not enabled",
            r"GPU device not found",
            r"Could not satisfy explicit device specification '[^']*GPU",
            r"Num GPUs Available:\s+0\b",
        ),
        "the program asks for a GPU, and TensorFlow has none: a build without CUDA, a missing driver or library, or "
        "none in the container",
        "`nvidia-smi` shows whether the driver has it; `python -m pip install 'tensorflow[and-cuda]'` for a build "
        "with CUDA; in a container `docker run --gpus "
        "all`; with Tensorwright, `tensorflow_device: gpu`, and `playbooks/diagnose.yml` tells what is missing",
        GPU_GUIDE,
        behind=(
            "no-cuda-device",
            "cuda-library-missing",
            "cudnn-missing",
            "driver-library-missing",
            "driver-old",
            "driver-not-running",
            "gpu-unknown-error",
            "fabric-manager",
            "nvml-mismatch",
        ),
    ),
    Row(
        "file-in-model-missing",
        TENSORFLOW,
        (
            r"SavedModel file does not exist at: (?P<path>\S+)",
            r"Unsuccessful TensorSliceReader constructor: Failed to find any matching files for (?P<file>\S+)",
            r"Unable to (?:synchronously )?open file \(unable to open file: name = '(?P<path>[^']+)'",
        ),
        "there is no saved model or checkpoint at {path}",
        "look with `ls -l` whether path and name are right, from the directory where the program runs; a checkpoint "
        "is named without .index and .data",
        "https://www.tensorflow.org/guide/saved_model",
    ),
    Row(
        "xla-failed",
        TENSORFLOW,
        (
            r"(?:XLA|xla)[^\n]*compilation (?:failed|error)",
            r"Detected unsupported operations when trying to compile graph",
        ),
        "XLA could not compile a part of the program",
        "turn it off to see whether it matters: leave out jit_compile=True and set "
        "`TF_XLA_FLAGS=--tf_xla_auto_jit=0`; update TensorFlow",
        "https://www.tensorflow.org/xla",
        behind=("ptxas-missing", "gpu-memory"),
        rank=GENERAL,
    ),
    Row(
        "ptx-failed",
        TENSORFLOW,
        (
            r"ptxas (?:fatal|exited with non-zero|returned an error|too old|\S+ has a bug)",
            r"ptxas fatal +: (?P<what>[^\n]+)",
            r"subprocess ptxas",
        ),
        "CUDA's assembler ptxas failed or is of another version than this build needs: mostly an older CUDA is found "
        "first",
        "`which ptxas` and `ptxas --version` show it; take an old CUDA off the PATH, or `python -m pip install "
        "--upgrade nvidia-cuda-nvcc-cu12`; with "
        "Tensorwright, `tensorflow_cuda_from: wheels`",
        "https://www.tensorflow.org/xla",
        level=ERROR,
    ),
    Row(
        "file-system-scheme",
        TENSORFLOW,
        (r"File system scheme '(?P<scheme>[^']+)' not implemented",),
        "this TensorFlow cannot read addresses that begin with {scheme}://",
        "`python -m pip install tensorflow-io` in the version for this TensorFlow and import it in the "
        "program, or copy the files; with "
        "Tensorwright, `tensorflow_pip_extra_packages: [tensorflow-io]`",
        "https://www.tensorflow.org/io",
    ),
)
