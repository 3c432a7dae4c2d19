using AnoPLe.Gpu.Tests.Golden;
using AnoPLe.Gpu.Weights;
using AnoPLe.Gpu.Weights.Checkpoints;
using AnoPLe.Gpu.Weights.Checkpoints.Pickle;

namespace AnoPLe.Gpu.Tests.Weights.Checkpoints;

/// <summary>Forms of PyTorch files that the golden files do not have: other versions of PyTorch and Python, and damage that must be named.</summary>
public sealed class TorchFileTests : IDisposable
{
    private static readonly byte[] Square = PickleBuilder.Dict("w", value => value.Tensor(0, [2, 2], [2, 1]));

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Typed_tensors_over_bytes()
    {
        // As PyTorch writes types that have no storage class: bytes, and a tensor that names its type.
        PickleBuilder.Zip(folder["typed.pt"], PickleBuilder.Dict("w", value => value.Name("torch._utils", "_rebuild_tensor_v3").Op(Opcode.Mark).Storage("Untyped", "0", 16)
            .Number(1).Numbers(3).Numbers(1).Op(Opcode.NewFalse, Opcode.None).Name("torch", "float32").Op(Opcode.Tuple, Opcode.Reduce)));
        AssertTensor("typed.pt", SafetensorsType.F32, 2, 3, 4);
    }

    [Fact]
    public void Bytes_without_a_type_are_refused()
    {
        PickleBuilder.Zip(folder["bytes.pt"], PickleBuilder.Dict("w", value => value.Tensor(0, [4], [1], "Untyped")));
        Refused("bytes.pt", "makes a tensor of bytes without a type");
    }

    [Fact]
    public void Tensors_with_attributes()
    {
        PickleBuilder.Zip(folder["subclass.pt"], PickleBuilder.Dict("w", value => value.Name("torch._tensor", "_rebuild_from_type_v2").Op(Opcode.Mark)
            .Name("torch._utils", "_rebuild_tensor_v2").Name("torch.nn.parameter", "Parameter").Op(Opcode.Mark).Storage("Float", "0", 4).Number(0).Numbers(4).Numbers(1)
            .Op(Opcode.NewFalse, Opcode.None, Opcode.Tuple, Opcode.EmptyDict, Opcode.Tuple, Opcode.Reduce)));
        AssertTensor("subclass.pt", SafetensorsType.F32, 1, 2, 3, 4);
    }

    [Fact]
    public void Parameters_with_state_are_their_tensors()
    {
        PickleBuilder.Zip(folder["parameter.pt"], PickleBuilder.Dict("w", value => value.Name("torch._utils", "_rebuild_parameter_with_state").Op(Opcode.Mark)
            .Tensor(0, [4], [1]).Op(Opcode.NewTrue, Opcode.None, Opcode.EmptyDict, Opcode.Tuple, Opcode.Reduce)));
        AssertTensor("parameter.pt", SafetensorsType.F32, 1, 2, 3, 4);
    }

    [Fact]
    public void Negated_tensors_are_refused()
    {
        PickleBuilder.Zip(folder["negated.pt"], PickleBuilder.Dict("w", value => value.Name("torch._utils", "_rebuild_tensor_v2").Op(Opcode.Mark).Storage("Float", "0", 4)
            .Number(0).Numbers(4).Numbers(1).Op(Opcode.NewFalse, Opcode.None, Opcode.EmptyDict).Text("neg").Op(Opcode.NewTrue, Opcode.SetItem, Opcode.Tuple, Opcode.Reduce)));
        Refused("negated.pt", "makes a tensor with properties that are not read here");
    }

    [Fact]
    public void Ordered_dicts_of_Python_2()
    {
        // OrderedDict([['w', tensor]]), with the name as a byte string.
        byte[] pickle = new PickleBuilder().With(Opcode.Proto, 2).Name("collections", "OrderedDict").Op(Opcode.EmptyList, Opcode.EmptyList, Opcode.Mark)
            .With(Opcode.ShortBinString, 1).Raw((byte)'w').Tensor(0, [4], [1]).Op(Opcode.Appends, Opcode.Append, Opcode.Tuple1, Opcode.Reduce, Opcode.Stop).Bytes;
        PickleBuilder.Zip(folder["python2.pt"], pickle);
        AssertTensor("python2.pt", SafetensorsType.F32, 1, 2, 3, 4);
    }

    [Fact]
    public void Parts_of_storages_in_the_legacy_format()
    {
        byte[] pickle = PickleBuilder.Dict("w", value => value.Name("torch._utils", "_rebuild_tensor").Op(Opcode.Mark)
            .Storage("Float", "0", 4, view => view.Op(Opcode.Mark).Text("v").Number(1).Number(3).Op(Opcode.Tuple)).Number(1).Numbers(2).Numbers(1).Op(Opcode.Tuple, Opcode.Reduce));
        PickleBuilder.Legacy(folder["part.pt"], pickle, true, ("0", 4, PickleBuilder.OneToFour));
        AssertTensor("part.pt", SafetensorsType.F32, 3, 4);
    }

    [Fact]
    public void A_part_that_leaves_its_storage_is_refused()
    {
        byte[] pickle = PickleBuilder.Dict("w", value => value.Storage("Float", "0", 4, view => view.Op(Opcode.Mark).Text("v").Number(long.MaxValue).Number(2).Op(Opcode.Tuple)));
        PickleBuilder.Legacy(folder["part.pt"], pickle, true, ("0", 4, PickleBuilder.OneToFour));
        Refused("part.pt", "does not lie inside it");
    }

    [Fact]
    public void Legacy_storages_must_be_listed_whole_and_once()
    {
        PickleBuilder.Legacy(folder["none.pt"], Square);
        Refused("none.pt", "does not list the storage '0'");
        PickleBuilder.Legacy(folder["twice.pt"], Square, true, ("0", 4, PickleBuilder.OneToFour), ("0", 4, PickleBuilder.OneToFour));
        Refused("twice.pt", "lists the storage '0' twice");
        PickleBuilder.Legacy(folder["other.pt"], Square, true, ("1", 4, PickleBuilder.OneToFour));
        Refused("other.pt", "lists the storage '1', which no tensor uses");
        PickleBuilder.Legacy(folder["count.pt"], Square, true, ("0", 5, PickleBuilder.OneToFour));
        Refused("count.pt", "has 5 elements, its pickle declares 4");
        PickleBuilder.Legacy(folder["short.pt"], Square, true, ("0", 4, PickleBuilder.OneToFour[..15]));
        Refused("short.pt", "15 bytes are left, expected 16");
    }

    [Fact]
    public void Big_endian_files_are_refused()
    {
        PickleBuilder.Legacy(folder["big_legacy.pt"], Square, littleEndian: false, ("0", 4, PickleBuilder.OneToFour));
        Refused("big_legacy.pt", "was written on a big-endian machine");
        PickleBuilder.Zip(folder["big.pt"], Square, entries: [("m/data/0", PickleBuilder.OneToFour), ("m/byteorder", "big"u8.ToArray())]);
        Refused("big.pt", "'m/byteorder' says 'big', expected 'little'");
        PickleBuilder.Zip(folder["little.pt"], Square, entries: [("m/data/0", PickleBuilder.OneToFour), ("m/byteorder", "little"u8.ToArray())]);
        AssertTensor("little.pt", SafetensorsType.F32, 1, 2, 3, 4);
    }

    [Fact]
    public void One_storage_has_one_type_and_size()
    {
        PickleBuilder.Zip(folder["types.pt"], PickleBuilder.Dict("w", value => value.Tensor(0, [4], [1]).Op(Opcode.Pop).Tensor(0, [4], [1], "Int")));
        Refused("types.pt", "declares the storage '0' as 16 bytes of I32 after 16 of F32");
    }

    [Fact]
    public void Archives_must_have_one_pickle()
    {
        PickleBuilder.Zip(folder["two.pt"], Square, entries: [("m/data/0", PickleBuilder.OneToFour), ("n/data.pkl", Square)]);
        Refused("two.pt", "with 2 entries NAME/data.pkl");
        PickleBuilder.Zip(folder["twice.pt"], Square, entries: [("m/data/0", PickleBuilder.OneToFour), ("m/data/0", PickleBuilder.OneToFour)]);
        Refused("twice.pt", "has the entry 'm/data/0' twice");
    }

    [Fact]
    public void Script_classes_belong_to_TorchScript()
    {
        byte[] pickle = PickleBuilder.Dict("w", value => value.Name("__torch__.m", "M").Op(Opcode.EmptyTuple, Opcode.NewObj));
        PickleBuilder.Zip(folder["plain.pt"], pickle);
        Refused("plain.pt", "__torch__.m.M is not something a tensor file needs");
    }

    [Fact]
    public void Newer_protocols_are_refused()
    {
        PickleBuilder.Zip(folder["six.pt"], [(byte)Opcode.Proto, 6, .. Square[2..]]);
        Refused("six.pt", "is pickle protocol 6, expected at most 5");
    }

    [Theory]
    [InlineData("torch", "ComplexFloatStorage", "torch.ComplexFloatStorage is no storage that is read here")]
    [InlineData("torch._utils", "_rebuild_sparse_tensor", "torch._utils._rebuild_sparse_tensor is not something a tensor file needs")]
    [InlineData("builtins", "eval", "builtins.eval is not something a tensor file needs")]
    [InlineData("builtins", "getattr", "builtins.getattr is not something a tensor file needs")]
    [InlineData("posix", "system", "posix.system is not something a tensor file needs")]
    [InlineData("", "", ". is not something a tensor file needs")]
    public void Other_names_are_refused_in_both_spellings(string module, string name, string why)
    {
        PickleBuilder.Zip(folder["global.pt"], PickleBuilder.Dict("w", value => value.Name(module, name)));
        Refused("global.pt", why);
        PickleBuilder.Zip(folder["stack.pt"], PickleBuilder.Dict("w", value => value.Text(module).Text(name).Op(Opcode.StackGlobal)));
        Refused("stack.pt", why);
    }

    [Fact]
    public void Allowed_names_do_only_what_they_mean()
    {
        PickleBuilder.Zip(folder["call.pt"], PickleBuilder.Dict("w", value => value.Name("torch", "FloatStorage").Op(Opcode.EmptyTuple, Opcode.Reduce)));
        Refused("call.pt", "calls torch.FloatStorage with ()");
        PickleBuilder.Zip(folder["new.pt"], PickleBuilder.Dict("w", value => value.Name("collections", "OrderedDict").Op(Opcode.EmptyTuple, Opcode.NewObj)));
        Refused("new.pt", "makes an object of collections.OrderedDict");
        PickleBuilder.Zip(folder["build.pt"], PickleBuilder.Dict("w", value => value.Tensor(0, [4], [1]).Op(Opcode.EmptyDict, Opcode.Build)));
        Refused("build.pt", "sets the state of a tensor");
    }

    [Fact]
    public void A_state_dict_is_found_before_scalars_of_the_same_name()
    {
        byte[] pickle = new PickleBuilder().With(Opcode.Proto, 2).Op(Opcode.EmptyDict).Text("model").Text("ViT-B-16").Op(Opcode.SetItem).Text("w").Tensor(0, [4], [1])
            .Op(Opcode.SetItem, Opcode.Stop).Bytes;
        PickleBuilder.Zip(folder["named.pt"], pickle);
        using Checkpoint checkpoint = AssertTensor("named.pt", SafetensorsType.F32, 1, 2, 3, 4);
        Assert.Equal("ViT-B-16", checkpoint.Metadata["model"]);
    }

    [Theory]
    [InlineData(']', "holds a list")]
    [InlineData('}', "holds no tensors")]
    [InlineData('N', "holds None")]
    public void Other_roots_are_refused(char root, string why)
    {
        PickleBuilder.Zip(folder["root.pt"], new PickleBuilder().With(Opcode.Proto, 2).Op((Opcode)root, Opcode.Stop).Bytes);
        Refused("root.pt", why);
    }

    [Fact]
    public void A_tensor_needs_a_name()
    {
        PickleBuilder.Zip(folder["bare.pt"], new PickleBuilder().Tensor(0, [4], [1]).Op(Opcode.Stop).Bytes);
        Refused("bare.pt", "holds a tensor, expected a dict");
        PickleBuilder.Zip(folder["number.pt"], new PickleBuilder().Op(Opcode.EmptyDict).Number(3).Tensor(0, [4], [1]).Op(Opcode.SetItem, Opcode.Stop).Bytes);
        Refused("number.pt", "has a tensor under a whole number, expected a name");
    }

    private Checkpoint AssertTensor(string file, SafetensorsType type, params double[] values)
    {
        Checkpoint checkpoint = Checkpoint.Open(folder[file]);
        CheckpointTensor tensor = Assert.Single(checkpoint.Tensors);
        Assert.Equal("w", tensor.Name);
        Assert.Equal(type, tensor.Type);
        Assert.Equal(values, CheckpointContent.Values(checkpoint, tensor));
        checkpoint.Dispose();
        return checkpoint;
    }

    private void Refused(string file, string why)
    {
        var error = Assert.Throws<InvalidDataException>(() => Checkpoint.Open(folder[file]));
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
        Assert.StartsWith(folder[file], error.Message, StringComparison.Ordinal);
    }
}
