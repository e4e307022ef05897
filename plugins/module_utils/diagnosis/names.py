# SPDX-License-Identifier: GPL-3.0-or-later
"""Names: of the packages that bring modules, and of what TensorFlow, Python and its library have had or have lost."""

from typing import FrozenSet


def _words(text: str) -> FrozenSet[str]:
    """Return the words of a text."""
    return frozenset(text.split())


# Module → the distribution that has it, where the two have different names.
DISTRIBUTIONS = {
    "absl": "absl-py",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "deepspeed": "deepspeed",
    "dotenv": "python-dotenv",
    "flatbuffers": "flatbuffers",
    "git": "GitPython",
    "google": "protobuf",
    "google.protobuf": "protobuf",
    "google.auth": "google-auth",
    "google.cloud": "google-cloud-storage",
    "grpc": "grpcio",
    "h5py": "h5py",
    "IPython": "ipython",
    "jwt": "PyJWT",
    "keras_preprocessing": "Keras-Preprocessing",
    "ml_dtypes": "ml-dtypes",
    "MySQLdb": "mysqlclient",
    "nvidia": "nvidia-cuda-runtime-cu12",
    "official": "tf-models-official",
    "object_detection": "tf-models-official",
    "OpenSSL": "pyOpenSSL",
    "opt_einsum": "opt-einsum",
    "PIL": "pillow",
    "pkg_resources": "setuptools",
    "psycopg2": "psycopg2-binary",
    "pydot": "pydot",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "tensorboard_plugin_profile": "tensorboard-plugin-profile",
    "tensorflow_addons": "tensorflow-addons",
    "tensorflow_datasets": "tensorflow-datasets",
    "tensorflow_estimator": "tensorflow-estimator",
    "tensorflow_hub": "tensorflow-hub",
    "tensorflow_io": "tensorflow-io",
    "tensorflow_io_gcs_filesystem": "tensorflow-io-gcs-filesystem",
    "tensorflow_model_optimization": "tensorflow-model-optimization",
    "tensorflow_probability": "tensorflow-probability",
    "tensorflow_text": "tensorflow-text",
    "tensorrt": "tensorrt",
    "typing_extensions": "typing-extensions",
    "tqdm": "tqdm",
    "wrapt": "wrapt",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}
# Parts of Python that need a library's headers when it is built → their package.
PARTS = {
    "_bz2": "libbz2-dev",
    "bz2": "libbz2-dev",
    "_ctypes": "libffi-dev",
    "_curses": "libncurses-dev",
    "_dbm": "libgdbm-dev",
    "_lzma": "liblzma-dev",
    "_sqlite3": "libsqlite3-dev",
    "sqlite3": "libsqlite3-dev",
    "_ssl": "libssl-dev",
    "_tkinter": "python3-tk tk-dev",
    "tkinter": "python3-tk tk-dev",
    "_uuid": "uuid-dev",
    "_hashlib": "libssl-dev",
    "readline": "libreadline-dev",
    "zlib": "zlib1g-dev",
}
# What only Python 2 had.
PYTHON2 = _words(
    """
    ConfigParser Queue StringIO cStringIO cPickle urllib2 urlparse httplib Tkinter tkMessageBox commands __builtin__
    cookielib HTMLParser SocketServer BaseHTTPServer SimpleHTTPServer Cookie copy_reg exceptions thread sets md5 sha
    """
)
# What Python's library has lost, and in which version.
REMOVED = {
    "asynchat": "3.12",
    "asyncore": "3.12",
    "distutils": "3.12",
    "imp": "3.12",
    "smtpd": "3.12",
    "aifc": "3.13",
    "audioop": "3.13",
    "cgi": "3.13",
    "cgitb": "3.13",
    "crypt": "3.13",
    "imghdr": "3.13",
    "lib2to3": "3.13",
    "nntplib": "3.13",
    "pipes": "3.13",
    "sndhdr": "3.13",
    "telnetlib": "3.13",
    "uu": "3.13",
    "xdrlib": "3.13",
    "binhex": "3.11",
    "formatter": "3.10",
    "parser": "3.10",
    "symbol": "3.10",
    "collections.Mapping": "3.10",
    "collections.MutableMapping": "3.10",
    "collections.MutableSequence": "3.10",
    "collections.MutableSet": "3.10",
    "collections.Iterable": "3.10",
    "collections.Iterator": "3.10",
    "collections.Callable": "3.10",
    "collections.Sequence": "3.10",
    "collections.Hashable": "3.10",
    "collections.Sized": "3.10",
    "collections.Set": "3.10",
    "collections.Container": "3.10",
    "collections.Generator": "3.10",
    "fractions.gcd": "3.9",
    "math.gcd": "",
    "inspect.getargspec": "3.11",
    "inspect.formatargspec": "3.11",
    "asyncio.coroutine": "3.11",
    "asyncio.async": "3.7",
    "time.clock": "3.8",
    "cgi.escape": "3.8",
    "platform.linux_distribution": "3.8",
    "platform.dist": "3.8",
    "base64.encodestring": "3.9",
    "base64.decodestring": "3.9",
    "html.parser.HTMLParseError": "3.5",
    "gettext.lgettext": "3.11",
    "random.jumpahead": "3",
    "string.letters": "3",
    "string.maketrans": "3",
    "string.join": "3",
    "itertools.izip": "3",
    "itertools.imap": "3",
    "os.getcwdu": "3",
    "os.errno": "3.7",
    "sys.maxint": "3",
    "sys.setcheckinterval": "3.9",
    "threading._sleep": "3",
    "types.StringType": "3",
    "types.NoneType": "",
    "typing.io": "3.13",
    "unittest.makeSuite": "3.13",
    "configparser.SafeConfigParser": "3.12",
    "importlib.find_loader": "3.12",
    "pkgutil.ImpImporter": "3.12",
    "pkgutil.find_loader": "3.14",
    "ast.Num": "3.14",
    "ast.Str": "3.14",
    "xml.etree.cElementTree": "3.9",
    "locale.format": "3.12",
    "ssl.wrap_socket": "3.12",
    "ssl.match_hostname": "3.12",
    "logging.warn": "3.13",
}
STANDARD = _words(
    """
    abc argparse array ast asyncio atexit base64 bisect builtins bz2 calendar cgi cmath cmd code codecs collections
    concurrent configparser contextlib contextvars copy copyreg csv ctypes dataclasses datetime decimal difflib dis email
    enum errno faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools gc getopt getpass gettext glob
    graphlib gzip hashlib heapq hmac html http imaplib importlib inspect io ipaddress itertools json keyword linecache
    locale logging lzma math mimetypes mmap multiprocessing netrc numbers operator os pathlib pdb pickle pkgutil platform
    plistlib pprint profile pstats pty pwd queue quopri random re readline reprlib resource runpy sched secrets select
    selectors shelve shlex shutil signal site smtplib socket socketserver sqlite3 ssl stat statistics string struct
    subprocess symtable sys sysconfig syslog tarfile tempfile termios textwrap threading time timeit tkinter token
    tokenize tomllib trace traceback tracemalloc types typing unicodedata unittest urllib uuid venv warnings wave weakref
    webbrowser xml xmlrpc zipapp zipfile zipimport zlib zoneinfo
    """
)
# What TensorFlow had before 2, at its top.
TENSORFLOW1 = _words(
    """
    ConfigProto FixedLenFeature GraphDef GraphOptions InteractiveSession NodeDef OptimizerOptions Print RunOptions Session
    Summary add_to_collection all_variables app assign assign_add batch_matmul check_numerics contrib control_flow_ops
    count_nonzero create_partitioned_variables decode_raw depth_to_space diag div enable_eager_execution
    enable_v2_behavior fake_quant_with_min_max_args fixed_size_partitioner flags floordiv get_collection get_default_graph
    get_default_session get_local_variable get_variable get_variable_scope gfile global_variables
    global_variables_initializer initialize_all_variables initialize_all_tables initializers is_nan is_inf is_finite
    layers lbeta local_variables local_variables_initializer log log1p losses matrix_band_part matrix_determinant
    matrix_diag matrix_inverse metrics mod model_variables moving_average_variables multinomial mul neg sub pack unpack
    parse_example parse_single_example placeholder placeholder_with_default py_func python_io random_normal random_uniform
    random_crop random_shuffle read_file write_file real reduce_join reset_default_graph resource_loader rsqrt
    saved_model_loader scatter_add scatter_update segment_sum set_random_seed space_to_depth sparse_placeholder
    sparse_tensor_to_dense sparse_to_dense sparse_reduce_sum string_split string_to_hash_bucket_fast string_to_number
    substr svd summary_ops tables_initializer to_bfloat16 to_double to_float to_int32 to_int64 train_Saver
    trainable_variables truncated_normal uniform_unit_scaling_initializer unsorted_segment_sum variable_op_scope
    variable_scope variance_scaling_initializer variables_initializer verify_tensor_all_finite wrap_function
    absolute_import Optimizer AdamOptimizer GradientDescentOptimizer Saver ResizeMethod resize_images
    image_resize_bilinear logging ConfigProto truncatediv where_v2 xlogy_v1 zeros_initializer_v1 select ceil floor_div
    erfc lgamma digamma igamma zeta cholesky fft ifft extract_image_patches
    """
)
# What every TensorFlow 2 has at its top: without it, it is not TensorFlow.
TENSORFLOW = _words(
    """
    __version__ constant Variable function keras data io Tensor float32 config Module nn zeros ones compat version test
    reduce_sum
    """
)
