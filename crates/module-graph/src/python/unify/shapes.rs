//! Of which built-in kind an object is, by its exact type.
//!
//! Only what stands here, and what a `class` statement made, can be compared: any other type may
//! keep state where nobody sees it.
#![expect(unsafe_code, reason = "an object's type is read without a reference")]

use pyo3::{ffi, prelude::*, sync::PyOnceLock};
use rustc_hash::FxHashMap;

use super::super::{own, referents::Address};

/// What the parts of an object are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    List,
    Tuple,
    Dict,
    Set,
    FrozenSet,
    Code,
    Function,
    Cell,
    ClassMethod,
    StaticMethod,
    BuiltinMethod,
    /// What `functools.lru_cache` makes.
    Memo,
    Weak,
    /// The Python classes that hold things weakly, or are keyed so.
    WeakContainer,
    MappingProxy,
    /// `object()`: nothing but an identity.
    Sentinel,
    Lock,
    /// Ordered contents that iteration shows, and these attributes.
    Items(&'static [&'static str]),
    /// Cannot change, and is all in these attributes.
    Attributes(&'static [&'static str]),
    /// Can change, and is all in these attributes and its `__dict__`.
    Callable(&'static [&'static str]),
    /// Cannot change, and its `repr` says everything.
    Printed,
    /// Cannot change, and is what `__reduce__` says.
    Reduced,
    /// Cannot change, and is all in these attributes, unless they are evaluated when they are asked.
    TypeParameter(&'static [&'static str]),
    /// How a class reaches a slot, a `__dict__` or the weak references of its instances.
    Descriptor,
}

/// The shapes of this interpreter's types.
pub(super) struct Shapes(FxHashMap<usize, Shape>);

impl Shapes {
    pub(super) fn get(py: Python<'_>) -> PyResult<&'static Self> {
        static SHAPES: PyOnceLock<Shapes> = PyOnceLock::new();
        SHAPES.get_or_try_init(py, || Self::new(py))
    }

    fn new(py: Python<'_>) -> PyResult<Self> {
        let mut shapes = FxHashMap::default();
        for &(module, names, shape) in TYPES {
            // Not every version has every type, and not every build every module.
            let Ok(module) = own::import(py, module) else {
                continue;
            };
            for name in names.split(' ') {
                if let Some(class) = module.getattr_opt(name)? {
                    shapes.insert(class.as_ptr() as usize, shape);
                }
            }
        }
        Ok(Self(shapes))
    }

    /// The shape of an object whose exact type is known.
    pub(super) fn of(&self, object: Address) -> Option<Shape> {
        // SAFETY: callers pass addresses of objects that are alive.
        let class = unsafe { ffi::Py_TYPE(object) };
        self.0.get(&(class as usize)).copied()
    }
}

const TYPES: &[(&str, &str, Shape)] = &[
    ("builtins", "list", Shape::List),
    ("builtins", "tuple", Shape::Tuple),
    ("builtins", "dict", Shape::Dict),
    ("builtins", "set", Shape::Set),
    ("builtins", "frozenset", Shape::FrozenSet),
    ("builtins", "object", Shape::Sentinel),
    ("builtins", "classmethod", Shape::ClassMethod),
    ("builtins", "staticmethod", Shape::StaticMethod),
    (
        "builtins",
        "property",
        Shape::Attributes(&["fget", "fset", "fdel", "__doc__"]),
    ),
    (
        "builtins",
        "slice",
        Shape::Attributes(&["start", "stop", "step"]),
    ),
    ("builtins", "range", Shape::Printed),
    ("types", "CodeType", Shape::Code),
    ("types", "FunctionType", Shape::Function),
    ("types", "CellType", Shape::Cell),
    ("types", "BuiltinMethodType", Shape::BuiltinMethod),
    ("types", "MappingProxyType", Shape::MappingProxy),
    (
        "types",
        "MethodType",
        Shape::Attributes(&["__func__", "__self__"]),
    ),
    (
        "types",
        "GenericAlias",
        Shape::Attributes(&["__origin__", "__args__", "__unpacked__"]),
    ),
    ("types", "UnionType", Shape::Attributes(&["__args__"])),
    (
        "types",
        "GetSetDescriptorType MemberDescriptorType",
        Shape::Descriptor,
    ),
    ("functools", "_lru_cache_wrapper", Shape::Memo),
    (
        "functools",
        "partial",
        Shape::Callable(&["func", "args", "keywords"]),
    ),
    ("weakref", "ref", Shape::Weak),
    (
        "weakref",
        "WeakKeyDictionary WeakValueDictionary WeakSet",
        Shape::WeakContainer,
    ),
    ("_thread", "LockType RLock", Shape::Lock),
    (
        "collections",
        "defaultdict",
        Shape::Items(&["default_factory"]),
    ),
    ("collections", "deque", Shape::Items(&["maxlen"])),
    ("collections", "OrderedDict", Shape::Items(&[])),
    (
        "operator",
        "attrgetter itemgetter methodcaller",
        Shape::Reduced,
    ),
    ("re", "Pattern", Shape::Attributes(&["pattern", "flags"])),
    ("datetime", "date timedelta", Shape::Printed),
    ("decimal", "Decimal", Shape::Printed),
    ("_collections", "_tuplegetter", Shape::Reduced),
    (
        "_typing",
        "TypeVar",
        Shape::TypeParameter(&[
            "__name__",
            "__module__",
            "__bound__",
            "__constraints__",
            "__covariant__",
            "__contravariant__",
            "__infer_variance__",
            "__default__",
        ]),
    ),
    (
        "_typing",
        "ParamSpec",
        Shape::TypeParameter(&[
            "__name__",
            "__module__",
            "__bound__",
            "__covariant__",
            "__contravariant__",
            "__infer_variance__",
            "__default__",
        ]),
    ),
    (
        "_typing",
        "TypeVarTuple",
        Shape::TypeParameter(&["__name__", "__module__", "__default__"]),
    ),
];
