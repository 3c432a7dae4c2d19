using AnoPLe.Gpu.Cli.Tests.Testing;

[assembly: AssemblyFixture(typeof(SmallData))]
