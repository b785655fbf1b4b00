// SPDX-License-Identifier: MIT
//! A thread writes into an arena and reports through a ring where it did: the first program
//! in Rust, over what bindgen makes of karena.h.

use std::ffi::CStr;
use std::fmt;
use std::ptr;
use std::slice;
use std::thread;

#[allow(dead_code, non_camel_case_types, non_snake_case, non_upper_case_globals)]
mod ffi {
    include!(env!("KARENA_BINDINGS"));
}

/// Why a call failed: its negative errno, and the library's message.
#[derive(Debug)]
struct Error {
    errno: i32,
    message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.errno)
    }
}

/// Turns the result of a call into a count or an error.
fn check(result: i32) -> Result<u32, Error> {
    if result >= 0 {
        return Ok(result as u32);
    }
    // The message is this thread's, and valid until its next call.
    let message = unsafe { CStr::from_ptr(ffi::karena_errormsg()) };
    Err(Error { errno: -result, message: message.to_string_lossy().into_owned() })
}

struct Device(*mut ffi::karena_device);

impl Device {
    fn open() -> Result<Device, Error> {
        let mut device = ptr::null_mut();
        check(unsafe { ffi::karena_open(ptr::null(), &mut device) })?;
        Ok(Device(device))
    }

    fn create_arena(&self, length: u64) -> Result<Arena, Error> {
        let mut arena = ptr::null_mut();
        check(unsafe { ffi::karena_arena_create(self.0, length, ptr::null(), &mut arena) })?;
        Ok(Arena(arena))
    }

    fn create_ring(&self, data_bytes: u64) -> Result<Ring, Error> {
        let mut opts = ffi::karena_ring_opts {
            // What the initialisers of karena_init.h do, which are not for bindgen.
            size: std::mem::size_of::<ffi::karena_ring_opts>() as _,
            ..unsafe { std::mem::zeroed() }
        };
        opts.flags = ffi::KARENA_RING_F_END;
        let mut ring = ptr::null_mut();
        check(unsafe { ffi::karena_ring_create(self.0, data_bytes, &opts, &mut ring) })?;
        Ok(Ring(ring))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        unsafe { ffi::karena_close(self.0) }
    }
}

struct Arena(*mut ffi::karena_arena);

// Any thread may make calls on an arena.
unsafe impl Send for Arena {}
unsafe impl Sync for Arena {}

impl Arena {
    fn map(&self) -> Result<View, Error> {
        let mut view = unsafe { std::mem::zeroed() };
        check(unsafe { ffi::karena_arena_map(self.0, ptr::null(), &mut view) })?;
        Ok(View(view))
    }

    fn alloc(&self, nr_pages: u64) -> Result<u64, Error> {
        let mut offset = 0;
        check(unsafe { ffi::karena_arena_alloc(self.0, nr_pages, ptr::null(), &mut offset) })?;
        Ok(offset)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        unsafe { ffi::karena_arena_close(self.0) }
    }
}

struct View(ffi::karena_view);

impl View {
    /// Others may write to the bytes at any time, so nothing borrows them.
    fn at(&self, offset: u64, length: usize) -> Option<*mut u8> {
        let at = unsafe { ffi::karena_view_ptr(&self.0, offset, length as _) } as *mut u8;
        if at.is_null() { None } else { Some(at) }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        unsafe { ffi::karena_view_unmap(&mut self.0) };
    }
}

struct Ring(*mut ffi::karena_ring);

// Any thread may produce; to consume takes a mutable borrow.
unsafe impl Send for Ring {}
unsafe impl Sync for Ring {}

impl Ring {
    fn output(&self, data: &[u8]) -> Result<(), Error> {
        check(unsafe {
            ffi::karena_ring_output_wait(self.0, data.as_ptr() as _, data.len() as _, 0, 0)
        })?;
        Ok(())
    }

    fn consume(&mut self, mut f: impl FnMut(&[u8])) -> Result<u32, Error> {
        let mut record = unsafe { std::mem::zeroed::<ffi::karena_record>() };
        let mut nr = 0;
        while check(unsafe { ffi::karena_ring_take(self.0, &mut record, 1) })? == 1 {
            // Of a ring that is not IN_PLACE nobody can change a record.
            f(unsafe { slice::from_raw_parts(record.data as *const u8, record.length as _) });
            unsafe { ffi::karena_ring_release(self.0) };
            nr += 1;
        }
        Ok(nr)
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        unsafe { ffi::karena_ring_close(self.0) }
    }
}

fn say_hello(arena: &Arena, ring: &Ring) -> Result<(), Error> {
    let text = b"hello from a thread";
    let view = arena.map()?;
    let offset = arena.alloc(1)?;
    let to = view.at(offset, text.len()).expect("the view is the whole arena");
    unsafe { ptr::copy_nonoverlapping(text.as_ptr(), to, text.len()) };
    ring.output(&offset.to_ne_bytes())?;
    ring.output(&(text.len() as u64).to_ne_bytes())
}

fn run() -> Result<(), Error> {
    let device = Device::open()?;
    let arena = device.create_arena(1 << 40)?;
    let mut ring = device.create_ring(65536)?;
    let mut numbers = Vec::new();

    thread::scope(|scope| scope.spawn(|| say_hello(&arena, &ring)).join().unwrap())?;
    ring.consume(|record| {
        numbers.push(u64::from_ne_bytes(record.try_into().expect("a number")));
    })?;
    let view = arena.map()?;
    let at = view.at(numbers[0], numbers[1] as usize).expect("an offset of the arena");
    let text = unsafe { slice::from_raw_parts(at, numbers[1] as usize) }.to_vec();
    println!("{}", String::from_utf8_lossy(&text));

    if let Err(error) = device.create_ring(65544) {
        println!("{}", error);
    }
    Ok(())
}

fn main() {
    if let Err(error) = run() {
        eprintln!("first: {}", error);
        std::process::exit(1);
    }
}
