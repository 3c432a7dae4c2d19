using AnoPLe.Gpu.Weights.Checkpoints.Pickle;

namespace AnoPLe.Gpu.Weights.Checkpoints;

/// <summary>PyTorch's views of storages: element i of a tensor lies at offset + sum of index * stride.</summary>
internal static class TorchTensors
{
    /// <summary>Most axes of a tensor; models have five at most.</summary>
    public const int MaxAxes = 16;

    /// <summary>
    /// What is wrong with a tensor, or null. After this every element lies inside its storage, elements along the strides never go back
    /// over others, and a stride of 0, which repeats elements, makes the tensor no larger than <paramref name="repeatedBytes"/>.
    /// </summary>
    public static string? Check(PickleTensor tensor, long repeatedBytes)
    {
        if (tensor.Size.Length != tensor.Stride.Length)
            return $"{tensor.Size.Length} sizes but {tensor.Stride.Length} strides";
        if (tensor.Size.Any(size => size < 0) || tensor.Stride.Any(stride => stride < 0) || tensor.Offset < 0)
            return "a size, stride or offset is negative";
        int element = tensor.Type.Bits() / 8;
        long count = 1, end = tensor.Offset;
        try
        {
            foreach (long size in tensor.Size)
                count = checked(count * size);
            _ = checked(count * element * 8);
            if (count == 0)
                return null;
            for (int i = 0; i < tensor.Size.Length; i++)
                end = checked(end + (tensor.Size[i] - 1) * tensor.Stride[i]);
        }
        catch (OverflowException)
        {
            return "its size exceeds 64 bits";
        }
        long elements = tensor.Storage.Bytes / element;
        if (end >= elements)
            return $"it ends at element {end}, the storage has {elements}";
        if (count > elements && count * element > repeatedBytes)
            return $"it repeats {elements} elements to {count}, more than the whole file holds";
        long inner = 0;
        foreach (var (size, stride, _) in Ordered(tensor).Reverse().Where(axis => axis.Stride > 0))
        {
            if (stride <= inner)
                return "its strides make elements overlap";
            inner += (size - 1) * stride;
        }
        return null;
    }

    /// <summary>
    /// Copies a checked tensor into row-major order. The storage is read once, forwards, through a window: in the order of its elements in
    /// the file, whatever the order of the axes.
    /// </summary>
    public static void Copy(PickleTensor tensor, StorageCursor cursor, Span<byte> destination)
    {
        int element = tensor.Type.Bits() / 8;
        (long Size, long Stride, long Step)[] axes = Ordered(tensor);
        // Innermost axes that are contiguous on both sides make runs.
        long run = 1;
        int outer = axes.Length;
        while (outer > 0 && axes[outer - 1].Stride == run && axes[outer - 1].Step == run)
            run *= axes[--outer].Size;
        long source = tensor.Storage.Start + tensor.Offset * element, target = 0;
        int bytes = checked((int)(run * element));
        Span<long> index = stackalloc long[MaxAxes];
        index.Clear();
        while (true)
        {
            cursor.Copy(source, destination.Slice((int)target, bytes));
            int axis = outer - 1;
            for (; axis >= 0; axis--)
            {
                var (size, stride, step) = axes[axis];
                source += stride * element;
                target += step * element;
                if (++index[axis] < size)
                    break;
                source -= size * stride * element;
                target -= size * step * element;
                index[axis] = 0;
            }
            if (axis < 0)
                return;
        }
    }

    // Axes of more than one element, largest stride first; Step is the stride in row-major order.
    private static (long Size, long Stride, long Step)[] Ordered(PickleTensor tensor)
    {
        List<(long Size, long Stride, long Step)> axes = [];
        long step = 1;
        for (int i = tensor.Size.Length - 1; i >= 0; i--)
        {
            if (tensor.Size[i] > 1)
                axes.Add((tensor.Size[i], tensor.Stride[i], step));
            step *= tensor.Size[i];
        }
        axes.Reverse();
        return [.. axes.OrderByDescending(axis => axis.Stride)];
    }
}
