namespace AnoPLe.Gpu.Kernels.Ilgpu;

/// <summary>Things that several users may have at once, counted: the last one to release a thing disposes it.</summary>
/// <param name="create">Makes the thing of a key.</param>
/// <param name="isShared">Whether users of a key share one; otherwise everyone gets a new one.</param>
internal sealed class Shared<TKey, TValue>(Func<TKey, TValue> create, Func<TKey, bool> isShared)
    where TKey : notnull
    where TValue : class, IDisposable
{
    private readonly Lock gate = new();
    private readonly Dictionary<TKey, (TValue Value, int Users)> used = [];

    /// <summary>The thing of a key. Give it back with <see cref="Release"/>.</summary>
    public TValue Acquire(TKey key)
    {
        if (!isShared(key))
            return create(key);
        lock (gate)
        {
            var (value, users) = used.TryGetValue(key, out var found) ? found : (create(key), 0);
            used[key] = (value, users + 1);
            return value;
        }
    }

    /// <summary>Disposes the thing when nobody else has it.</summary>
    public void Release(TValue value)
    {
        lock (gate)
        {
            foreach (var (key, (shared, users)) in used)
                if (ReferenceEquals(shared, value))
                {
                    if (users > 1)
                    {
                        used[key] = (shared, users - 1);
                        return;
                    }
                    used.Remove(key);
                    break;
                }
        }
        value.Dispose();
    }
}
