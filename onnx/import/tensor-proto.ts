/** @file ONNX's TensorProto to and from arrays: attributes, small initializers, folded constants. */
import { create } from '@bufbuild/protobuf';
import { type TensorProto, TensorProto_DataType as DataTypes, TensorProtoSchema } from '../onnx_pb.js';
import { bytesOf, dataOver, type HostTensor, onnxType, typeOfTensor } from '../tensor.js';
import { storedTypeOf, widened } from './elements.js';

/** The bytes of a tensor that is held in memory, whichever of its fields they are in. */
export function tensorBytes(proto: TensorProto): Uint8Array {
  if (proto.rawData.length > 0) return new Uint8Array(proto.rawData);
  switch (proto.dataType as DataTypes) {
    case DataTypes.FLOAT:
      return bytesOf(Float32Array.from(proto.floatData));
    case DataTypes.DOUBLE:
      return bytesOf(Float64Array.from(proto.doubleData));
    case DataTypes.INT64:
      return bytesOf(BigInt64Array.from(proto.int64Data));
    case DataTypes.INT32:
      return bytesOf(Int32Array.from(proto.int32Data));
    case DataTypes.FLOAT16:
    case DataTypes.BFLOAT16:
    case DataTypes.UINT16:
    case DataTypes.INT16: {
      const halves = Uint16Array.from(proto.int32Data);
      return new Uint8Array(halves.buffer);
    }
    default:
      // Booleans, and integers of 8 bits and fewer.
      return Uint8Array.from(proto.int32Data);
  }
}

/** A tensor as it stands in the file. */
export function storedTensorOf(proto: TensorProto): HostTensor {
  const type = storedTypeOf(proto.dataType);
  if (type === undefined) {
    throw new TypeError(`a constant of ${DataTypes[proto.dataType] ?? `type ${proto.dataType}`} is not read`);
  }
  return { shape: proto.dims.map(Number), data: dataOver(type, tensorBytes(proto)), dtype: type };
}

/** A tensor as graphs use it; floats of 16 bits become float32. */
export function hostTensor(proto: TensorProto): HostTensor {
  return widened(storedTensorOf(proto));
}

export function tensorProto(name: string, tensor: HostTensor): TensorProto {
  const { shape, data } = tensor;
  return create(TensorProtoSchema, {
    name,
    dims: shape.map(BigInt),
    dataType: onnxType(typeOfTensor(tensor)),
    rawData: bytesOf(data),
  });
}
