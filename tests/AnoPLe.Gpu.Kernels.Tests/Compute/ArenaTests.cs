using AnoPLe.Gpu.Compute;
using AnoPLe.Gpu.Kernels.Tests.Testing;

namespace AnoPLe.Gpu.Kernels.Tests.Compute;

public sealed class ArenaTests
{
    [Fact]
    public void Takes_are_named_counted_and_freed_together()
    {
        using var backend = new FakeBackend();
        var arena = new Arena(backend);
        var x = arena.Take("x", new(2, 3));
        var ids = arena.Take("ids", new(5), ElementType.I32);
        Assert.Equal([x, ids], arena.Tensors);
        Assert.Equal(4 * (6 + 5), arena.Bytes);
        Assert.Equal(("x", new Shape(2, 3), ElementType.F32), (x.Name, x.Shape, x.Type));
        Assert.Equal(ElementType.I32, ids.Type);
        Assert.Same(backend, arena.Backend);
        Assert.Equal(2, backend.Alive);
        arena.Dispose();
        Assert.Equal(0, backend.Alive);
        Assert.Empty(arena.Tensors);
        arena.Dispose();
        Assert.Equal(0, backend.Alive);
    }

    [Fact]
    public void A_name_is_taken_once()
    {
        using var backend = new FakeBackend();
        using var arena = new Arena(backend);
        arena.Take("x", new(2));
        Assert.Contains("'x'", Assert.Throws<InvalidOperationException>(() => arena.Take("x", new(3))).Message, StringComparison.Ordinal);
        Assert.Equal(1, backend.Alive);
    }

    [Fact]
    public void A_sealed_arena_gives_nothing_more()
    {
        using var backend = new FakeBackend();
        using var arena = new Arena(backend);
        arena.Take("x", new(2));
        arena.Seal();
        string message = Assert.Throws<InvalidOperationException>(() => arena.Take("late", new(7, 9))).Message;
        Assert.Contains("'late'", message, StringComparison.Ordinal);
        Assert.Contains("[7, 9]", message, StringComparison.Ordinal);
        Assert.Equal(8, arena.Bytes);
    }
}
