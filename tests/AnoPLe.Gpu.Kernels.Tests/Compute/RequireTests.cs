using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Compute;

public sealed class RequireTests
{
    [Fact]
    public void A_message_is_built_only_on_failure()
    {
        int built = 0;
        Require.That(true, $"{Count()}");
        Assert.Equal(0, built);
        Refused.With(() => Require.That(false, $"got {Count()}"), "got 1");

        int Count() => ++built;
    }

    [Fact]
    public void Failures_name_the_argument_the_tensor_got_and_expected()
    {
        using FakeBackend backend = new(), other = new();
        Tensor logits = backend.Allocate("vis.x", new(2, 3)), rows = backend.Allocate("rows", new(4), ElementType.I32);
        Refused.With(() => Require.Tensor(backend, logits, new(3, 2)), "logits", "'vis.x'", "[2, 3]", "[3, 2]");
        Refused.With(() => Require.Rank(backend, logits, 3), "logits", "'vis.x'", "[2, 3]", "3 axes");
        Refused.With(() => Require.Floats(backend, rows), "rows", "I32", "F32");
        Refused.With(() => Require.Indices(backend, rows, 5), "rows", "4", "5");
        Refused.With(() => Require.Indices(backend, logits, 6), "logits", "F32", "I32");
        Refused.With(() => Require.Floats(other, logits), "logits", "'vis.x'", "another");
        Assert.Equal("logits", Assert.Throws<ArgumentNullException>(() => Null(null!)).ParamName);
        Require.Tensor(backend, logits, new(2, 3));
        Require.Rank(backend, logits, 2);
        Require.Indices(backend, rows, 4);

        void Null(Tensor logits) => Require.Floats(backend, logits);
    }
}
