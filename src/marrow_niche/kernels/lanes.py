"""Eight numbers at once: a vector type for kernels that must not wait for the compiler to find one.

A loop over arrays that are read and written in place is not vectorised, since the compiler cannot tell that they do not
overlap. These few operations say it: each is one instruction on eight lanes (or a few, where the machine is narrower),
with the rounding of the scalar operation and in a fixed order, so that the bits are the same wherever they run.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

LANES = 8
_NUMBER = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
_INDEX = ir.IntType(32)


class Lanes(types.Type):
    """Eight float32 or float64."""

    def __init__(self, dtype):
        self.dtype = dtype
        super().__init__(f"{dtype}x{LANES}")


@register_model(Lanes)
class _Model(models.PrimitiveModel):
    def __init__(self, manager, kind):
        super().__init__(manager, kind, ir.VectorType(_NUMBER[kind.dtype], LANES))


def _address(context, builder, kind, array, index):
    data = context.make_array(kind)(context, builder, array).data
    place = builder.gep(data, [index])
    return builder.bitcast(place, ir.PointerType(ir.VectorType(_NUMBER[kind.dtype], LANES)))


def _constant(kind, value):
    return ir.Constant(ir.VectorType(_NUMBER[kind.dtype], LANES), [value] * LANES)


def _mask(places):
    return ir.Constant(ir.VectorType(_INDEX, len(places)), places)


@intrinsic
def load(typing, array, index):
    """array[index:index + 8], contiguous; bounds are not checked."""
    kind = Lanes(array.dtype)

    def make(context, builder, signature, values):
        value = builder.load(_address(context, builder, signature.args[0], *values))
        value.align = array.dtype.bitwidth // 8
        return value

    return kind(array, types.intp), make


@intrinsic
def store(typing, array, index, value):
    """array[index:index + 8] = value."""

    def make(context, builder, signature, values):
        done = builder.store(values[2], _address(context, builder, signature.args[0], *values[:2]))
        done.align = array.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.void(array, types.intp, value), make


@intrinsic
def splat(typing, number):
    """The number in every lane."""

    def make(context, builder, signature, values):
        kind = signature.return_type
        one = builder.insert_element(_constant(kind, 0.0), values[0], _INDEX(0))
        return builder.shuffle_vector(one, one, _mask([0] * LANES))

    return Lanes(number)(number), make


def _lanewise(name):
    @intrinsic
    def operation(typing, a, b):
        def make(context, builder, signature, values):
            return getattr(builder, name)(*values)

        return (a(a, b), make) if a == b else None

    return operation


add, subtract, multiply, divide = (_lanewise(name) for name in ("fadd", "fsub", "fmul", "fdiv"))


@intrinsic
def where(typing, test, value):
    """`value` where `test` is not zero, else zero."""

    def make(context, builder, signature, values):
        kind = signature.return_type
        yes = builder.fcmp_unordered("!=", values[0], _constant(kind, 0.0))
        return builder.select(yes, values[1], _constant(kind, 0.0))

    return value(test, value), make


@intrinsic
def raise_(typing, value):
    """`value`, with lanes below zero set to zero."""

    def make(context, builder, signature, values):
        zero = _constant(signature.return_type, 0.0)
        return builder.select(builder.fcmp_ordered(">", values[0], zero), values[0], zero)

    return value(value), make


SMALLEST = {types.float32: 1e-30, types.float64: 1e-290}
"""What counts as nothing in a field of any unit: far enough above denormal numbers that products with 1e-8 are not."""


def _without_small(limit):
    """The operation that sets lanes to zero that are not above `limit` in size, by type of number."""

    @intrinsic
    def operation(typing, value):
        def make(context, builder, signature, values):
            kind = signature.return_type
            vector = ir.VectorType(_NUMBER[kind.dtype], LANES)
            name = f"llvm.fabs.v{LANES}f{kind.dtype.bitwidth}"
            size = builder.call(
                cgutils.get_or_insert_function(builder.module, ir.FunctionType(vector, [vector]), name), values
            )
            yes = builder.fcmp_ordered(">", size, _constant(kind, limit[kind.dtype]))
            return builder.select(yes, values[0], _constant(kind, 0.0))

        return value(value), make

    return operation


flush = _without_small(dict.fromkeys(SMALLEST, 1e-18))
"""Lanes below 1e-18 in size set to zero: float32 slows down a hundredfold below 1e-38, products too."""
drop = _without_small(SMALLEST)
"""Lanes within `SMALLEST` of zero set to zero."""


@intrinsic
def widen(typing, value):
    """float32 lanes as float64."""

    def make(context, builder, signature, values):
        return builder.fpext(values[0], ir.VectorType(ir.DoubleType(), LANES))

    return Lanes(types.float64)(value), make


@intrinsic
def narrow(typing, value):
    """float64 lanes as float32."""

    def make(context, builder, signature, values):
        return builder.fptrunc(values[0], ir.VectorType(ir.FloatType(), LANES))

    return Lanes(types.float32)(value), make


def _shuffled(places):
    @intrinsic
    def operation(typing, a, b):
        def make(context, builder, signature, values):
            return builder.shuffle_vector(values[0], values[1], _mask(places))

        return a(a, b), make

    return operation


low_mixed = _shuffled([0, 8, 1, 9, 2, 10, 3, 11])
"""a0 b0 a1 b1 a2 b2 a3 b3."""
high_mixed = _shuffled([4, 12, 5, 13, 6, 14, 7, 15])
"""a4 b4 ... a7 b7."""
evens = _shuffled([0, 2, 4, 6, 8, 10, 12, 14])
"""Every other lane of a, then of b, from the first on."""
odds = _shuffled([1, 3, 5, 7, 9, 11, 13, 15])
"""Every other lane of a, then of b, from the second on."""


@intrinsic
def total(typing, value):
    """The sum of the lanes, in pairs, as float64."""

    def make(context, builder, signature, values):
        lanes = [builder.extract_element(values[0], _INDEX(k)) for k in range(LANES)]
        if value.dtype == types.float32:
            lanes = [builder.fpext(lane, ir.DoubleType()) for lane in lanes]
        while len(lanes) > 1:
            lanes = [builder.fadd(a, b) for a, b in zip(lanes[::2], lanes[1::2])]
        return lanes[0]

    return types.float64(value), make


@intrinsic
def settle(typing, value, slack):
    """`value`, with lanes set to zero that are above zero by less than `SMALLEST` or below it by less than that and `slack`."""

    def make(context, builder, signature, values):
        kind = signature.return_type
        small = SMALLEST[kind.dtype]
        high = builder.fcmp_ordered(">", values[0], _constant(kind, small))
        low = builder.fcmp_ordered("<", values[0], builder.fsub(_constant(kind, -small), values[1]))
        return builder.select(builder.or_(high, low), values[0], _constant(kind, 0.0))

    return (value(value, slack), make) if value == slack else None


@intrinsic
def unless_below(typing, test, value):
    """`value` where `test` is not below zero, else zero."""

    def make(context, builder, signature, values):
        yes = builder.fcmp_unordered(">=", values[0], _constant(signature.args[0], 0.0))
        return builder.select(yes, values[1], _constant(signature.return_type, 0.0))

    return value(test, value), make


@intrinsic
def read(typing, values, index):
    """values[index:index + 8] of an array; lanes, such as a coefficient that is the same everywhere, as they are."""
    if isinstance(values, Lanes):
        return values(values, types.intp), lambda context, builder, signature, given: given[0]

    def make(context, builder, signature, given):
        value = builder.load(_address(context, builder, signature.args[0], *given))
        value.align = values.dtype.bitwidth // 8
        return value

    return Lanes(values.dtype)(values, types.intp), make


def ready(values):
    """What `read` takes: an array, or None, as it is; a number in every lane."""


@overload(ready)
def _ready(values):
    if isinstance(values, types.Array | types.NoneType):
        return lambda values: values
    return lambda values: splat(values)  # type: ignore[call-arg]


@intrinsic
def read_like(typing, values, index, value):
    """values[index:index + 8], which may be small whole numbers (int8), as numbers of the kind of `value`."""

    def make(context, builder, signature, given):
        kind, number = signature.return_type, _NUMBER.get(values.dtype, ir.IntType(8))
        data = context.make_array(signature.args[0])(context, builder, given[0]).data
        place = builder.bitcast(builder.gep(data, [given[1]]), ir.PointerType(ir.VectorType(number, LANES)))
        lanes = builder.load(place)
        lanes.align = values.dtype.bitwidth // 8
        return lanes if kind.dtype == values.dtype else builder.sitofp(lanes, ir.VectorType(_NUMBER[kind.dtype], LANES))

    return (value(values, types.intp, value), make) if values.dtype in (types.int8, value.dtype) else None
