# A guest that never rests: at each tick of the BIOS clock (18.2 a second) it raises a number in its memory, prints it on the first serial port
# and writes it to its disk. So it shows whether a guest that was moved went on where it was, and how far its disk came.
#
#   LBA 0          this code; bytes 440-509 belong to whoever builds the disk
#   LBA 8          the number of the last tick, eight hexadecimal digits
#   LBA 64-319     the same, one of these after the other
#
# To assemble (ticker-sector.ts holds the 512 bytes):
#   as --32 -o ticker.o ticker.s && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o ticker.bin ticker.o

        .code16
        .globl  _start

        .set    com1, 0x3f8
        .set    block, 0x7e00           # what is written
        .set    clock, 0x46c            # ticks since midnight, kept by the BIOS

_start:
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $_start, %sp
        ljmp    $0, $main
main:
        sti
        cld
        movb    %dl, drive

        movw    $uart_setup, %si
next_register:
        lodsw                           # low byte: register, high byte: value
        cmpb    $0xff, %al
        je      next_tick
        movw    $com1, %dx
        addb    %al, %dl
        movb    %ah, %al
        outb    %al, %dx
        jmp     next_register

next_tick:
        movl    clock, %eax
wait_for_tick:
        hlt
        cmpl    clock, %eax
        je      wait_for_tick

        incl    number
        movl    number, %ebx
        movw    $block, %di
        movw    $8, %cx
next_digit:
        roll    $4, %ebx
        movb    %bl, %al
        andb    $0x0f, %al
        addb    $'0', %al
        cmpb    $'9', %al
        jbe     store_digit
        addb    $'a' - '9' - 1, %al
store_digit:
        stosb
        loop    next_digit
        movb    $0, (%di)

        movl    $8, packet_lba
        call    write
        movzbl  number, %eax            # its low byte
        addl    $64, %eax
        movl    %eax, packet_lba
        call    write

        movw    $tick, %si
        call    print
        movw    $block, %si
        call    print
        movw    $newline, %si
        call    print
        jmp     next_tick

write:
        movw    $packet, %si
        movw    $0x4300, %ax
        movb    drive, %dl
        int     $0x13
        jnc     written
        movw    $write_failed, %si
        call    print
written:
        ret

# Prints from si up to a zero byte.
print:
        lodsb
        testb   %al, %al
        jz      printed
        movb    %al, %ah
        movw    $com1 + 5, %dx
        xorw    %cx, %cx                # up to 65536 looks, so that a missing port does not hang it
wait_for_port:
        inb     %dx, %al
        testb   $0x20, %al
        loopz   wait_for_port
        movb    %ah, %al
        movw    $com1, %dx
        outb    %al, %dx
        jmp     print
printed:
        ret

# No interrupts, 115200 baud, 8N1, FIFO on and empty, ready to talk.
uart_setup:
        .byte   1, 0x00,  3, 0x80,  0, 0x01,  1, 0x00,  3, 0x03,  2, 0x07,  4, 0x03,  0xff, 0

tick:           .asciz  "TICK "
newline:        .asciz  "\r\n"
write_failed:   .asciz  "WRITE FAILED "

        .balign 4, 0
number:         .long   0
packet:         .byte   16, 0
                .word   1
                .word   block, 0
packet_lba:     .quad   8

drive:          .byte   0

        .org    440                     # fails to assemble when the code has grown into the disk signature
        .org    510
        .byte   0x55, 0xaa
